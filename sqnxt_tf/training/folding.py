"""Fold batch norm into the layer before it, as exporters do, so that weight sharing acts on the weights that ship."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.training.batch_norms import is_batch_norm
from sqnxt_tf.training.flattening import cloned, flat_copy

_FOLDED = {
    "Conv1D": "kernel",
    "Conv2D": "kernel",
    "Conv3D": "kernel",
    "Conv1DTranspose": "kernel",
    "Conv2DTranspose": "kernel",
    "Conv3DTranspose": "kernel",
    "Dense": "kernel",
    "DepthwiseConv1D": "depthwise_kernel",
    "DepthwiseConv2D": "depthwise_kernel",
    "SeparableConv1D": "pointwise_kernel",
    "SeparableConv2D": "pointwise_kernel",
}
"""The class of a layer -> its last kernel, whose output channels a batch norm scales."""
_NOTHING_AT_INFERENCE = (
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
)
"""Classes of layers that exporters leave out: a batch norm behind one of them is folded into the layer before it."""


def fold_batch_norm(model: Any) -> Any:
    """Return a functional `tf_keras` model, without nested models, that computes the same at inference.

    Where a batch norm is the only reader of a convolution or dense layer, it becomes part of that layer's kernel and
    bias, and an identity layer takes its place, in nested models too and across their borders. Any other batch norm
    stays. The kernels of the result equal those of its ONNX and TFLite files value for value. If the exporter folded
    later, it would multiply each output channel by a number of its own, and weights that were equal would no longer be.
    Zeros stay zeros. Layers keep their names; those of nested models are called `<nested>/<layer>`.
    """
    flat = flat_copy(model)
    pairs = _foldable(flat)
    convolutions = set(pairs.values())

    def without_norms(layer: Any, name: str) -> Any:
        import tf_keras as keras

        if name in pairs:
            return keras.layers.Activation("linear", name=name)
        if name in convolutions:
            return type(layer).from_config({**layer.get_config(), "use_bias": True})
        return cloned(layer, name)

    result = flat_copy(flat, without_norms)
    for norm, convolution in pairs.items():
        _fold(flat.get_layer(convolution), flat.get_layer(norm), result.get_layer(convolution))
    return result


def batch_norms(model: Any) -> tuple[str, ...]:
    """Return the names of the batch norms in a model that has no nested models."""
    return tuple(layer.name for layer in model.layers if is_batch_norm(layer))


def _foldable(model: Any) -> dict[str, str]:
    """Return, for each batch norm that can be folded, the name of the layer that takes it in."""
    nodes = [node for depth in model._nodes_by_depth.values() for node in depth]
    calls = Counter(node.layer.name for node in nodes)
    readers = Counter(id(tensor) for node in nodes if not node.is_input for tensor in node.keras_inputs)
    readers.update(id(tensor) for tensor in model.outputs)
    makers = {id(tensor): node for node in nodes for tensor in _listed(node.outputs)}
    pairs = {}
    for node in nodes:
        norm = node.layer
        if not is_batch_norm(norm) or calls[norm.name] != 1:
            continue
        tensor = node.keras_inputs[0]
        while type(makers[id(tensor)].layer).__name__ in _NOTHING_AT_INFERENCE and readers[id(tensor)] == 1:
            tensor = makers[id(tensor)].keras_inputs[0]
        maker = makers[id(tensor)].layer
        if _takes_in(maker, norm, tensor) and calls[maker.name] == 1 == readers[id(tensor)]:
            pairs[norm.name] = maker.name
    return pairs


def _takes_in(layer: Any, norm: Any, tensor: Any) -> bool:
    """Tell whether a layer without activation computes the channels that a batch norm scales."""
    if type(layer).__name__ not in _FOLDED or getattr(layer.activation, "__name__", "") != "linear":
        return False
    return _listed(norm.axis) in ([len(tensor.shape) - 1], [-1])


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
        name = variable.name.rpartition("/")[2].partition(":")[0]
        if name.endswith("kernel"):
            values = _wide(variable)
            if name == _FOLDED[type(source).__name__]:
                values = values * _for_kernel(factor, source, values.shape)
            getattr(target, name).assign(values.astype(np.float32))
    target.bias.assign(bias.astype(np.float32))


def _for_kernel(factor: NDArray[np.float64], layer: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the factor of each output channel in a shape that multiplies the layer's kernel."""
    kind = type(layer).__name__
    if kind.startswith("Depthwise"):
        return factor.reshape(shape[-2:])  # [..., channels, multiplier]
    return factor[:, None] if kind.endswith("Transpose") else factor  # [..., out, in] or [..., in, out]


def _wide(variable: Any) -> NDArray[np.float64]:
    return np.asarray(variable.numpy(), np.float64)
