"""Integer ONNX graphs by Q/DQ pairs: int16 for accelerators and bit-faithful simulation, int8 for speed as well."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx

from sqnxt_export.quantise.bounds import largest_magnitudes
from sqnxt_export.quantise.calibration import Calibration
from sqnxt_export.quantise.graph_edit import GraphEdit, channel_axis
from sqnxt_export.quantise.integer_scales import activation16, divisible, headroom16, int8_scales, reads_integers
from sqnxt_export.quantise.qdq_pairs import QdqPairs


def to_int16(model: onnx.ModelProto, calibration: Calibration) -> onnx.ModelProto:
    """Return a graph whose convolutions and dense layers read 16-bit inputs and weights; all else stays float32.

    Activations have one scale per tensor, weights a symmetric one per output channel. Activations that are never
    negative, as after a Relu, begin at the lowest integer. The bit that this gains halves the error, which in deep
    networks would otherwise come close to what parity allows. Activations that are rarely negative gain nearly as much.

    Biases are 32-bit with a scale of their own, because they would overflow in the product of two 16-bit scales. They
    cannot stay float32 either: onnxruntime then converts them to that product when it loads the file, and overflows
    (found with 1.31).

    Args:
        model: A float32 graph.
        calibration: The ranges of its activations.
    """
    edit = GraphEdit(model)
    pairs = QdqPairs(edit)
    bounds = largest_magnitudes(edit)
    for node in edit.weighted_nodes():
        _quantise16(edit, pairs, node, calibration, bounds)
    return edit.finish([*edit.graph.node, *pairs.nodes])


def _quantise16(
    edit: GraphEdit, pairs: QdqPairs, node: onnx.NodeProto, calibration: Calibration, bounds: dict[str, float]
) -> None:
    """Make a convolution or dense layer read 16-bit inputs and weights."""
    tensor = node.input[0]
    headroom = headroom16(calibration.samples)
    scale = activation16(*calibration.extremes[tensor], headroom, bounds.get(tensor, math.inf))
    node.input[0] = pairs.activation(tensor, scale)
    node.input[1], _ = pairs.weight(node, np.int16)
    if len(node.input) > 2:
        bias = edit.values(node.input[2])
        node.input[2] = pairs.bias(node, divisible(np.abs(bias) / np.iinfo(np.int32).max))


def to_int8_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph whose convolutions and dense layers store their weights as int8; all else stays float32.

    A DequantizeLinear with a symmetric scale per output channel widens each kernel. Nothing needs calibration.
    """
    edit = GraphEdit(model)
    pairs = QdqPairs(edit)
    for node in edit.weighted_nodes():
        node.input[1], _ = pairs.weight(node, np.int8)
    return edit.finish([*edit.graph.node, *pairs.nodes])


def to_int8(model: onnx.ModelProto, calibration: Calibration, wider: frozenset[str] = frozenset()) -> onnx.ModelProto:
    """Return a graph with Q/DQ pairs around every operator that onnxruntime has an integer kernel for.

    The pairs are placed so that onnxruntime fuses them. Activations are asymmetric per tensor, so that a Relu or Clip
    is only the lower end of its output's range and folds into the convolution before it. Weights are symmetric per
    output channel, biases 32-bit. The logits stay float32, since integer kernels can return float.

    Args:
        model: A float32 graph.
        calibration: The ranges of its activations.
        wider: Names of the layers that keep 16-bit inputs and weights. The operators between them and the weighted
            layers before them stay float, or their inputs would have been rounded to 8 bits. With every layer in it,
            the result equals `to_int16`'s.
    """
    edit = GraphEdit(model)
    pairs = QdqPairs(edit)
    wide = _wide_nodes(edit, wider)
    bounds = largest_magnitudes(edit)
    scales = int8_scales(edit, calibration.ranges, wide)
    integer = [node for node in edit.graph.node if reads_integers(edit, node, wide)]  # before weights get new names
    for node in edit.weighted_nodes():
        if node.name in wide:
            _quantise16(edit, pairs, node, calibration, bounds)
            continue
        input_scale, has_bias = scales[node.input[0]].scale, len(node.input) > 2
        node.input[1], weight_scales = pairs.weight(node, np.int8, _smallest(edit, node, input_scale))
        if has_bias:
            groups = len(edit.values(node.input[2])) // len(weight_scales)
            node.input[2] = pairs.bias(node, input_scale * np.tile(weight_scales, groups))
    for node in integer:
        node.input[:] = [pairs.activation(name, scales[name]) if name in scales else name for name in node.input]
    return edit.finish([*edit.graph.node, *pairs.nodes])


def _smallest(edit: GraphEdit, node: onnx.NodeProto, input_scale: float) -> Any:
    """Return the smallest scale of each channel's weights with which its bias fits in 32 bits.

    A channel may have tiny weights and a large bias, as batch norm leaves behind.
    """
    if len(node.input) < 3:
        return 0.0
    least = np.abs(edit.values(node.input[2])) / (input_scale * 2.0**30)
    channels = edit.values(node.input[1]).shape[channel_axis(node)]
    return least.reshape(-1, channels).max(axis=0)


def _wide_nodes(edit: GraphEdit, wider: frozenset[str]) -> frozenset[str]:
    """Return the layers `wider` and every operator between them and the weighted layers before them.

    The operators between the last layers and the graph's output are included if all of these layers are wide.
    """
    between, _ = _before(edit, [node.input[0] for node in edit.graph.node if node.name in wider])
    behind, last = _before(edit, [output.name for output in edit.graph.output])
    return wider | between | (behind if last <= wider else frozenset())


def _before(edit: GraphEdit, tensors: list[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of the operators that `tensors` come through, and of the weighted layers before those."""
    producers = {name: node for node in edit.graph.node for name in node.output}
    weighted = {node.name for node in edit.weighted_nodes()}
    between, layers, left = set(), set(), list(tensors)
    while left:
        node = producers.get(left.pop())
        if node is None or node.name in between:
            continue
        if node.name in weighted:
            layers.add(node.name)
        else:
            between.add(node.name)
            left += node.input
    return frozenset(between), frozenset(layers)
