"""Rebuilding of a .keras file that Keras 3 saved as a tf_keras model, layer by layer, with every weight."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sqnxt_export._libraries import require
from sqnxt_export.artifact.call_order import call_order
from sqnxt_export.artifact.keras3_config import (
    IDLE_AT_INFERENCE,
    input_shape,
    is_model,
    name_of,
    plan_layer,
    plan_operation,
)
from sqnxt_export.artifact.keras3_weights import GroupNames, StoredWeights
from sqnxt_export.errors import ExportError, one_line

_MAX_DEPTH = 16
_Reference = tuple[str, int, int]
"""Name of a layer, number of one of its calls, number of one of the call's outputs."""


def rebuild(path: Path, config: Mapping[str, Any], stored: StoredWeights) -> Any:
    """Build the tf_keras model of a Keras 3 config, and set its weights.

    Raises:
        ExportError: A layer has no equivalent in tf_keras, or a weight is missing, left over or of another shape.
    """
    rebuilding = _Rebuilding(path, stored)
    model = rebuilding.model(config, "", 0)
    stored.check_all_taken()
    if unset := [weight.name for weight in model.weights if id(weight) not in rebuilding.set]:
        raise ExportError(path, f"saved by Keras 3, has no values for {unset[0][:80]!r}", "save the model again")
    return model


class _Rebuilding:
    """The layers and weights of one file while its model is rebuilt."""

    def __init__(self, path: Path, stored: StoredWeights) -> None:
        self.path = path
        self.stored = stored
        self.keras = require("tf_keras", "to load a .keras file")
        self.set: set[int] = set()
        """Ids of the variables that have the file's values."""

    def model(self, layer: Mapping[str, Any], group: str, depth: int) -> Any:
        """Build a model, the outermost or a nested one.

        Args:
            layer: The model's entry in the config.
            group: Path of its weights in the file, ending in a slash.
            depth: Number of models around it.
        """
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
            if entry.get("class_name") in IDLE_AT_INFERENCE and isinstance(nodes, list):
                # Keras 3 records that augmentation was called in training mode; at inference that means nothing.
                nodes = [{**node, "kwargs": {}} if isinstance(node, dict) else node for node in nodes]
            calls += [(name, index, node, made) for index, node in enumerate(nodes if isinstance(nodes, list) else ())]
        self._run(calls, tensors)
        ends = [self._ends(config, key, tensors) for key in ("input_layers", "output_layers")]
        return self.keras.Model(*ends, name=name_of(self.path, {"config": config}))

    def _run(self, calls: list[tuple[str, int, Any, Callable[..., Any]]], tensors: dict[_Reference, Any]) -> None:
        """Call every layer once its inputs exist, in the file's order where possible."""
        needs = [{output for output in _references(node) if output not in tensors} for _, _, node, _ in calls]
        order = call_order(needs, [(name, index, 0) for name, index, _, _ in calls])
        if len(order) < len(calls):
            name, *_ = calls[min(set(range(len(calls))) - set(order))]
            raise ExportError(self.path, f"the inputs of layer {name[:80]!r} are missing", "save it again")
        for name, index, node, made in (calls[number] for number in order):
            tensors[name, index, 0] = made(*self._arguments(name, node, tensors))

    def _made(self, entry: Mapping[str, Any], names: GroupNames, depth: int) -> Callable[..., Any]:
        """Make a layer, model or function of the file, which can be called with tensors."""
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
        """Set every variable of a layer from the file; number and shapes must be equal."""
        values = self.stored.take(group, layer.name)
        wanted, found = [list(weight.shape) for weight in layer.weights], [list(value.shape) for value in values]
        if wanted != found:
            raise ExportError(
                self.path,
                f"layer {layer.name[:80]!r} has weights of shapes {wanted} in tf_keras and {found} in the file",
                "rebuild the model with `import tf_keras as keras`",
            )
        if not all(value.dtype.kind in "fiu" and np.isfinite(value).all() for value in values):
            raise ExportError(self.path, f"layer {layer.name[:80]!r} has weights that are not finite", "train it again")
        layer.set_weights(values)
        self.set |= {id(weight) for weight in layer.weights}
        if hasattr(layer, "finalize_state"):  # Normalization computes with copies of its weights
            layer.finalize_state()

    def _arguments(self, name: str, node: Any, tensors: Mapping[_Reference, Any]) -> Iterator[Any]:
        """Yield the arguments of a call: tensors, lists of tensors and numbers. Refuse others that have an effect."""
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
        """Return the tensors of the model's inputs or outputs."""
        given = config.get(key)
        many: Any = given if isinstance(given, list) and given and isinstance(given[0], list) else [given]
        try:
            found = [tensors[name, node, tensor] for name, node, tensor in many]
        except (KeyError, TypeError, ValueError) as error:
            raise ExportError(self.path, f"its {key} are {str(given)[:80]}", "save the model again") from error
        return found[0] if len(found) == 1 else found


def _references(node: Any) -> Iterator[_Reference]:
    """Yield the outputs that a call reads."""
    args = node.get("args") if isinstance(node, dict) else None
    for value in args if isinstance(args, list) else ():
        for item in value if isinstance(value, list) else [value]:
            if reference := _reference(item):
                yield reference


def _reference(value: Any) -> _Reference | None:
    """Return the output that a `__keras_tensor__` of the config stands for; None for other values."""
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
"""Name of a function or activation in `keras3_config` -> the function in tf_keras."""
