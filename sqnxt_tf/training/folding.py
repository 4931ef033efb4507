"""Fold batch norm into the layer before it, as exporters do, so that weight sharing acts on the weights that ship."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FOLDED = {"Conv2D": "kernel", "DepthwiseConv2D": "depthwise_kernel", "SeparableConv2D": "pointwise_kernel",
           "Dense": "kernel"}  # fmt: skip
"""The class of a layer -> its last kernel, whose output channels a batch norm scales."""


def fold_batch_norm(model: Any) -> Any:
    """Return a functional `tf_keras` model that computes the same at inference; the names of the layers stay.

    Where a batch norm is the only reader of a convolution or dense layer, it becomes part of that layer's kernel and
    bias, and an identity layer takes its place. Any other batch norm stays. The kernels of the result equal those of
    its ONNX and TFLite files value for value. If the exporter folded later, it would multiply each output channel by a
    number of its own, and weights that were equal would no longer be. Zeros stay zeros.
    """
    import tf_keras as keras

    pairs = _foldable(model)
    convolutions = set(pairs.values())

    def cloned(layer: Any) -> Any:
        if layer.name in pairs:
            return keras.layers.Activation("linear", name=layer.name)
        config = layer.get_config()
        return type(layer).from_config({**config, "use_bias": True} if layer.name in convolutions else config)

    result = keras.models.clone_model(model, clone_function=cloned)
    for layer in model.layers:
        if layer.name not in pairs and layer.name not in convolutions:
            result.get_layer(layer.name).set_weights(layer.get_weights())
    for norm, convolution in pairs.items():
        _fold(model.get_layer(convolution), model.get_layer(norm), result.get_layer(convolution))
    return result


def _foldable(model: Any) -> dict[str, str]:
    """Return, for each batch norm that can be folded, the name of the layer that takes it in."""
    nodes = [node for depth in model._nodes_by_depth.values() for node in depth]
    calls = Counter(node.layer.name for node in nodes)
    readers = Counter(id(tensor) for node in nodes if not node.is_input for tensor in node.keras_inputs)
    readers.update(id(tensor) for tensor in model.outputs)
    makers = {id(tensor): node.layer for node in nodes for tensor in _listed(node.outputs)}
    pairs = {}
    for node in nodes:
        norm = node.layer
        if type(norm).__name__ != "BatchNormalization" or calls[norm.name] != 1:
            continue
        tensor = node.keras_inputs[0]
        maker = makers[id(tensor)]
        plain = getattr(getattr(maker, "activation", None), "__name__", "") == "linear"
        last = _listed(norm.axis) == [len(tensor.shape) - 1] or _listed(norm.axis) == [-1]
        if type(maker).__name__ in _FOLDED and plain and last and calls[maker.name] == 1 == readers[id(tensor)]:
            pairs[norm.name] = maker.name
    return pairs


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _fold(source: Any, norm: Any, target: Any) -> None:
    """Set the weights of `target` to those of `source` with `norm` folded in.

    `gamma * (w x + b - mean) / sqrt(variance + epsilon) + beta` is a layer with the kernel `w * factor` and the bias
    `(b - mean) * factor + beta`, where `factor = gamma / sqrt(variance + epsilon)` for each output channel.
    """
    mean, variance = _wide(norm.moving_mean), _wide(norm.moving_variance)
    factor = 1 / np.sqrt(variance + norm.epsilon)
    if norm.scale:
        factor = factor * _wide(norm.gamma)
    bias = ((_wide(source.bias) if source.use_bias else 0.0) - mean) * factor
    if norm.center:
        bias = bias + _wide(norm.beta)
    for variable in source.weights:
        if "kernel" in variable.name:
            name = variable.name.rpartition("/")[2].partition(":")[0]
            values = _wide(variable)
            if name == _FOLDED[type(source).__name__]:
                depthwise = type(source).__name__ == "DepthwiseConv2D"  # [h, w, channels, multiplier]
                values = values * (factor.reshape(values.shape[2:]) if depthwise else factor)
            getattr(target, name).assign(values.astype(np.float32))
    target.bias.assign(bias.astype(np.float32))


def _wide(variable: Any) -> NDArray[np.float64]:
    return np.asarray(variable.numpy(), np.float64)
