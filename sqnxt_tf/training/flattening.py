"""A copy of a model without nested models: their layers are called `<nested>/<layer>`, as in an exported graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

CloneLayer = Callable[[Any, str], Any]
"""Makes the copy of a layer, or a `Chain`, under a new name.

The weights are copied afterwards where the two have the same shapes.
"""


class Chain:
    """Several layers in the place of one; the weights of the one are those of the others in turn."""

    def __init__(self, layers: Sequence[Any]) -> None:
        self.layers = layers

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the first layer with the arguments, and each other one with what the layer before it returns."""
        first, *others = self.layers
        value = first(*arguments, **keywords)
        for layer in others:
            value = layer(value)
        return value

    @property
    def weights(self) -> list[Any]:
        """The variables of all layers."""
        return [variable for layer in self.layers for variable in layer.weights]

    def set_weights(self, values: Sequence[Any]) -> None:
        """Distribute arrays over the layers."""
        left = list(values)
        for layer in self.layers:
            count = len(layer.weights)
            layer.set_weights(left[:count])
            del left[:count]


def cloned(layer: Any, name: str) -> Any:
    """Return a layer of the same class and settings under another name, with new weights."""
    return type(layer).from_config({**layer.get_config(), "name": name})


def flat_copy(model: Any, clone: CloneLayer = cloned, on_input: Callable[[Any], Any] = lambda tensor: tensor) -> Any:
    """Return a functional model of the same layers and weights in which no layer is a functional model.

    Args:
        model: A functional or Sequential `tf_keras` model.
        clone: Makes the copy of each layer. A copy that has weights of other shapes than its layer keeps its own.
        on_input: Returns what the first layers read in place of an input.
    """
    import tf_keras as keras

    inputs = [
        keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor._keras_history.layer.name)
        for tensor in model.inputs
    ]
    copies = _Copies(clone)
    outputs = copies.run(model, [on_input(tensor) for tensor in inputs], "", None)
    flat = keras.Model(
        inputs[0] if len(inputs) == 1 else inputs, outputs[0] if len(outputs) == 1 else outputs, name=model.name
    )
    copies.copy_weights()
    return flat


class _Copies:
    """The copies of layers so far; a layer or nested model that is called twice is copied once."""

    def __init__(self, clone: CloneLayer) -> None:
        self._clone = clone
        self._made: dict[int, tuple[Any, Any]] = {}

    def run(self, model: Any, inputs: list[Any], prefix: str, training: bool | None) -> list[Any]:
        """Call copies of a model's layers on `inputs`, and return the outputs.

        `training` is what a nested model was called with, which Keras hands on to its layers.
        """
        tensors = {id(tensor): given for tensor, given in zip(model.inputs, inputs, strict=True)}
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                if not node.is_input:
                    outputs = self._call(node, tensors, prefix, training)
                    tensors.update(zip(map(id, _listed(node.outputs)), outputs, strict=True))
        return [tensors[id(tensor)] for tensor in model.outputs]

    def _call(self, node: Any, tensors: dict[int, Any], prefix: str, training: bool | None) -> list[Any]:
        layer = node.layer
        # map_arguments takes one element of the list for each time that a tensor is read
        given = {str(id(tensor)): [tensors[id(tensor)]] * len(node.keras_inputs) for tensor in node.keras_inputs}
        arguments, keywords = node.map_arguments(given)
        training = keywords.get("training", training)
        if getattr(layer, "_is_graph_network", False):
            return self.run(layer, _listed(arguments[0]), f"{prefix}{layer.name}/", training)
        if training is not None and layer._expects_training_arg:
            keywords = {**keywords, "training": training}
        return _listed(self._copy(layer, prefix + layer.name)(*arguments, **keywords))

    def _copy(self, layer: Any, name: str) -> Any:
        if id(layer) not in self._made:
            self._made[id(layer)] = layer, self._clone(layer, name)
        return self._made[id(layer)][1]

    def copy_weights(self) -> None:
        """Copy the weights of all layers whose copies have the same shapes."""
        for layer, copy in self._made.values():
            if [tuple(variable.shape) for variable in layer.weights] == [tuple(v.shape) for v in copy.weights]:
                copy.set_weights(layer.get_weights())


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
