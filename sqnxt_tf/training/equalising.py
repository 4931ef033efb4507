"""Cross-layer equalisation: weights of neighbouring layers rescaled so that their channels have alike ranges.

Source: Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight Equalization and Bias
Correction" (arXiv 1906.04721), section 4.1. A ReLU lets a positive factor through, so dividing an output channel of one
layer by `s` and multiplying that input channel of the next layer by `s` leaves the function as it was. With
`s = sqrt(r1 / r2)` both channels have the range `sqrt(r1 * r2)`. A capped ReLU does not let the factor through, and
layers on both sides of one are left as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.training.exportable import exportable
from sqnxt_tf.training.quantised_tensors import activation_of

_ROUNDS = 20  # of all pairs: on MobileNet the factors of the last round are below 1.001
_LETS_FACTORS_THROUGH = (
    "AveragePooling2D",
    "Dropout",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "MaxPooling2D",
    "SpatialDropout2D",
    "ZeroPadding2D",
)
"""Classes of layers between two kernels that keep channels apart and scale with their input."""


def equalised(model: Any) -> tuple[Any, int]:
    """Return a flat copy of a model that computes the same with equalised weights, and the number of pairs of layers.

    No data are needed. Batch norm is folded first. Frozen layers keep their weights.
    """
    flat = exportable(model)
    pairs = _pairs(flat)
    for _ in range(_ROUNDS):
        for first, second in pairs:
            _equalise(first, second)
    return flat, len(pairs)


def _equalise(first: Any, second: Any) -> None:
    """Scale the output channels of one layer and the input channels of the next one."""
    outward, inward = _by_output(first), _by_input(second)
    ranges = np.abs(outward).max(axis=1), np.abs(inward).max(axis=1)
    used = (ranges[0] > 0) & (ranges[1] > 0)
    factors = np.sqrt(np.where(used, ranges[0], 1.0) / np.where(used, ranges[1], 1.0)).astype(np.float32)
    kernel = _kernel(first)
    kernel.assign(kernel.numpy() / _shaped(factors, first, output=True))
    if first.use_bias:
        first.bias.assign(first.bias.numpy() / factors)
    kernel = _kernel(second)
    kernel.assign(kernel.numpy() * _shaped(factors, second, output=False))


def _kernel(layer: Any) -> Any:
    return layer.depthwise_kernel if _is_depthwise(layer) else layer.kernel


def _is_depthwise(layer: Any) -> bool:
    return type(layer).__name__ == "DepthwiseConv2D"


def _channel_axis(layer: Any, *, output: bool) -> int:
    """Return the axis of a kernel, counted from its end: [..., channels, 1] of a depthwise one, [..., in, out] else."""
    return -1 if output and not _is_depthwise(layer) else -2


def _by_output(layer: Any) -> NDArray[np.float32]:
    values: NDArray[np.float32] = np.moveaxis(_kernel(layer).numpy(), _channel_axis(layer, output=True), 0)
    return values.reshape(len(values), -1)


def _by_input(layer: Any) -> NDArray[np.float32]:
    values: NDArray[np.float32] = np.moveaxis(_kernel(layer).numpy(), _channel_axis(layer, output=False), 0)
    return values.reshape(len(values), -1)


def _shaped(factors: NDArray[np.float32], layer: Any, *, output: bool) -> NDArray[np.float32]:
    return factors if _channel_axis(layer, output=output) == -1 else factors[:, None]


def _pairs(model: Any) -> list[tuple[Any, Any]]:
    """Return the pairs of layers between which factors can move, in the model's order."""
    nodes = [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]
    readers: dict[int, list[Any]] = {}
    for node in nodes:
        for tensor in () if node.is_input else node.keras_inputs:
            readers.setdefault(id(tensor), []).append(node)
    calls = [id(node.layer) for node in nodes]
    ends = {id(tensor) for tensor in model.outputs}
    pairs = []
    for node in nodes:
        if not _is_plain(node.layer) or activation_of(node.layer) not in ("linear", "relu"):
            continue
        reader = _only_reader(node, readers, ends)
        while reader is not None and _is_between(reader.layer):
            reader = _only_reader(reader, readers, ends)
        if (
            reader is not None
            and _is_plain(reader.layer)
            and calls.count(id(reader.layer)) == 1 == calls.count(id(node.layer))
        ):
            pairs.append((node.layer, reader.layer))
    return pairs


def _only_reader(node: Any, readers: dict[int, list[Any]], ends: set[int]) -> Any:
    found = readers.get(id(node.outputs), [])
    return found[0] if len(found) == 1 and id(node.outputs) not in ends else None


def _is_plain(layer: Any) -> bool:
    """Tell whether each output channel of a layer that is not frozen reads all input channels, or just its own."""
    kind = type(layer).__name__
    if not layer.trainable:
        return False
    if kind == "Conv2D":
        return bool(layer.groups == 1)
    return kind == "Dense" or (_is_depthwise(layer) and layer.depth_multiplier == 1)


def _is_between(layer: Any) -> bool:
    kind = type(layer).__name__
    if kind == "ReLU":
        return activation_of(layer) == "relu" and layer.max_value is None
    return kind in _LETS_FACTORS_THROUGH or (kind == "Activation" and activation_of(layer) in ("linear", "relu"))
