"""A .keras file that Keras 3 saved, rebuilt as a tf_keras model: layer by layer, every weight accounted for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sqnxt_export._libraries import require
from sqnxt_export.artifact.keras3_config import input_shape, is_model, name_of, plan_layer, plan_operation
from sqnxt_export.artifact.keras3_weights import GroupNames, StoredWeights
from sqnxt_export.errors import ExportError, one_line

_MAX_DEPTH = 16
_Reference = tuple[str, int, int]
"""A layer's name, which of its calls, which of the call's outputs."""


def rebuild(path: Path, config: Mapping[str, Any], stored: StoredWeights) -> Any:
    """The tf_keras model of a Keras 3 config, its weights set.

    Raises:
        ExportError: Something has no equal in tf_keras, a weight is missing or of another shape, or is left over.
    """
    rebuilding = _Rebuilding(path, stored)
    model = rebuilding.model(config, "", 0)
    stored.check_all_taken()
    if unset := [weight.name for weight in model.weights if id(weight) not in rebuilding.set]:
        raise ExportError(path, f"saved by Keras 3, has no values for {unset[0][:80]!r}", "save the model again")
    return model


class _Rebuilding:
    def __init__(self, path: Path, stored: StoredWeights) -> None:
        self.path = path
        self.stored = stored
        self.keras = require("tf_keras", "to load a .keras file")
        self.set: set[int] = set()
        """Identities of the variables that have the file's values."""

    def model(self, layer: Mapping[str, Any], group: str, depth: int) -> Any:
        """A model, the outermost or one within another; `group` is where its weights lie, with a slash behind it."""
        config = layer.get("config")
        if not isinstance(config, dict) or not isinstance(config.get("layers"), list) or depth > _MAX_DEPTH:
            raise ExportError(self.path, "holds a model without layers, or nested too deep", "save it again")
        layers = config["layers"]
        names = GroupNames(group)
        if layer["class_name"] == "Sequential":
            return self._sequential(layer, layers, names, depth)
        return self._functional(config, layers, names, depth)

    def _sequential(self, layer: Mapping[str, Any], layers: list[Any], names: GroupNames, depth: int) -> Any:
        config = layer["config"]
        first, rest = layers[:1], layers[1:]
        if first and first[0].get("class_name") == "InputLayer":
            shape = input_shape(self.path, first[0])
        else:
            rest = layers
            shape = input_shape(self.path, {"config": {"batch_shape": config.get("build_input_shape")}})
        x = image = self.keras.Input(shape)
        for entry in rest:
            x = self._made(entry, names, depth)(x)
        return self.keras.Model(image, x, name=name_of(self.path, layer))

    def _functional(self, config: dict[str, Any], layers: list[Any], names: GroupNames, depth: int) -> Any:
        tensors: dict[_Reference, Any] = {}
        calls: list[tuple[str, int, Any, Callable[..., Any]]] = []
        for entry in layers:
            name = name_of(self.path, entry)
            if entry.get("class_name") == "InputLayer":
                tensors[name, 0, 0] = self.keras.Input(input_shape(self.path, entry), name=name)
                continue
            made = self._made(entry, names, depth)
            nodes = entry.get("inbound_nodes")
            calls += [(name, index, node, made) for index, node in enumerate(nodes if isinstance(nodes, list) else ())]
        self._run(calls, tensors)
        ends = [self._ends(config, key, tensors) for key in ("input_layers", "output_layers")]
        return self.keras.Model(*ends, name=name_of(self.path, {"config": config}))

    def _run(self, calls: list[tuple[str, int, Any, Callable[..., Any]]], tensors: dict[_Reference, Any]) -> None:
        """Call every layer once its inputs are there, in the file's order where that is possible."""
        while calls:
            waiting = []
            for name, index, node, made in calls:
                if all(reference in tensors for reference in _references(node)):
                    tensors[name, index, 0] = made(*self._arguments(name, node, tensors))
                else:
                    waiting.append((name, index, node, made))
            if len(waiting) == len(calls):
                raise ExportError(
                    self.path, f"the inputs of layer {waiting[0][0][:80]!r} are not there", "save it again"
                )
            calls = waiting

    def _made(self, entry: Mapping[str, Any], names: GroupNames, depth: int) -> Callable[..., Any]:
        """A layer, model or function of the file, to be called with tensors."""
        name = name_of(self.path, entry)
        if operation := plan_operation(self.path, entry):
            return _FUNCTIONS[operation]
        if is_model(entry):
            inner: Callable[..., Any] = self.model(entry, names.next(str(entry["class_name"])) + "/", depth + 1)
            return inner
        plan = plan_layer(self.path, entry)
        group = names.next(plan.kind)
        try:
            layer = getattr(self.keras.layers, plan.kind).from_config(dict(plan.config))
        except Exception as error:
            raise ExportError(
                self.path,
                f"saved by Keras 3, tf_keras cannot make layer {name[:80]!r} ({one_line(error)})",
                "rebuild the model with `import tf_keras as keras`",
            ) from error
        behind = _FUNCTIONS.get(plan.then)

        def call(x: Any) -> Any:
            is_new = not layer.built
            result = layer(x)
            if is_new:
                self._set_weights(layer, group)
            return behind(result) if behind else result

        return call

    def _set_weights(self, layer: Any, group: str) -> None:
        """Every variable of a layer from the file, equal in number and shape."""
        values = self.stored.take(group, layer.name)
        wanted, found = [list(weight.shape) for weight in layer.weights], [list(value.shape) for value in values]
        if wanted != found:
            raise ExportError(
                self.path,
                f"layer {layer.name[:80]!r} has weights of shapes {wanted} in tf_keras and {found} in the file",
                "rebuild the model with `import tf_keras as keras`",
            )
        if not all(value.dtype.kind in "fiu" and np.isfinite(value).all() for value in values):
            raise ExportError(self.path, f"layer {layer.name[:80]!r} has weights that are no numbers", "train it again")
        layer.set_weights(values)
        self.set |= {id(weight) for weight in layer.weights}
        if hasattr(layer, "finalize_state"):  # Normalization computes with copies of its weights
            layer.finalize_state()

    def _arguments(self, name: str, node: Any, tensors: Mapping[_Reference, Any]) -> Iterator[Any]:
        """Tensors, lists of them and numbers; of the rest only what changes nothing may be there."""
        if not isinstance(node, dict):
            raise ExportError(self.path, f"layer {name[:80]!r} is called in an unknown way", "save it again")
        kwargs = node.get("kwargs") or {}
        if not isinstance(kwargs, dict) or any(value not in (None, False) for value in kwargs.values()):
            raise ExportError(
                self.path, f"layer {name[:80]!r} is called with {str(kwargs)[:80]}", "call it with tensors"
            )
        args = node.get("args")
        for value in args if isinstance(args, list) else ():
            references = [_reference(item) for item in (value if isinstance(value, list) else [value])]
            found = [tensors[reference] for reference in references if reference]
            if found and len(found) == len(references):
                yield found if isinstance(value, list) else found[0]
            elif type(value) in (int, float):
                yield value
            else:
                raise ExportError(
                    self.path, f"layer {name[:80]!r} is called with {str(value)[:80]}", "use tensors and numbers"
                )

    def _ends(self, config: Mapping[str, Any], key: str, tensors: Mapping[_Reference, Any]) -> Any:
        """The model's inputs or outputs."""
        given = config.get(key)
        many: Any = given if isinstance(given, list) and given and isinstance(given[0], list) else [given]
        try:
            found = [tensors[name, node, tensor] for name, node, tensor in many]
        except (KeyError, TypeError, ValueError) as error:
            raise ExportError(self.path, f"its {key} are {str(given)[:80]}", "save the model again") from error
        return found[0] if len(found) == 1 else found


def _references(node: Any) -> Iterator[_Reference]:
    """What a call depends on."""
    args = node.get("args") if isinstance(node, dict) else None
    for value in args if isinstance(args, list) else ():
        for item in value if isinstance(value, list) else [value]:
            if reference := _reference(item):
                yield reference


def _reference(value: Any) -> _Reference | None:
    """What a `__keras_tensor__` of the config points to."""
    if not isinstance(value, dict) or value.get("class_name") != "__keras_tensor__":
        return None
    config = value.get("config")
    history = config.get("keras_history") if isinstance(config, dict) else None
    if not isinstance(history, list) or [type(part) for part in history] != [str, int, int]:
        return None
    name, node, tensor = history
    return name, node, tensor


def _relu6(x: Any) -> Any:
    return require("tensorflow", "to load a .keras file").nn.relu6(x)


def _activation(name: str) -> Callable[[Any], Any]:
    def apply(x: Any) -> Any:
        return require("tf_keras", "to load a .keras file").layers.Activation(name)(x)

    return apply


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "divide": lambda x, y: x / y,
    "hard_sigmoid": lambda x: _relu6(x + 3.0) * (1 / 6),
    "hard_silu": lambda x: x * (_relu6(x + 3.0) * (1 / 6)),
    "multiply": lambda x, y: x * y,
    "negative": lambda x: -x,
    "relu": _activation("relu"),
    "relu6": _relu6,
    "sigmoid": _activation("sigmoid"),
    "silu": _activation("swish"),
    "subtract": lambda x, y: x - y,
    "tanh": _activation("tanh"),
}
"""What `keras3_config` calls functions and activations -> the same in tf_keras."""
