"""Integer ONNX graphs by Q/DQ pairs: int16 for accelerators and bit-faithful simulation, int8 for speed as well."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export.quantise.bounds import largest_magnitudes
from sqnxt_export.quantise.calibration import Calibration, Ranges
from sqnxt_export.quantise.graph_edit import GraphEdit

_MOVES = ("Flatten", "Reshape", "Transpose", "Slice")
_SAME_SCALE = ("MaxPool", "GlobalMaxPool", *_MOVES)
"""Operators whose output has no values that the input has not: integer kernels want one scale on both sides."""
_FUSES_CLIPPING = ("Conv", "Gemm", "Add")
_CLIPPING = ("Relu", "Clip")
_OTHER_OPS = ("Mul", "AveragePool", "GlobalAveragePool", "Concat", "LeakyRelu", "Sigmoid")
_INTEGER_OPS = (*_FUSES_CLIPPING, *_CLIPPING, *_SAME_SCALE, *_OTHER_OPS)
_WORTH_SHIFTING = 0.75
"""Both signs share the integers evenly, zero at zero, unless the range takes less than this part of an even one."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A real value is `scale * (integer - zero_point)`; the zero point is a NumPy integer of the stored type."""

    scale: float
    zero_point: Any


def to_int16(model: onnx.ModelProto, calibration: Calibration) -> onnx.ModelProto:
    """Every convolution and dense layer reads 16-bit inputs and 16-bit weights; all else stays float32.

    Activations have a scale per tensor, weights a symmetric one per output channel. Activations that are never
    negative, as after a Relu, begin at the lowest integer: the bit that this gains halves the error, which in deep
    networks would otherwise come near what parity allows; those that are hardly negative gain nearly as much. Biases
    are 32-bit with a scale of their own: in the product of two 16-bit scales they would overflow. They cannot stay
    float32 either, since onnxruntime then converts them to just that product when it loads the file, and overflows
    (found with 1.31).

    Args:
        model: A float32 graph.
        calibration: Of its activations.
    """
    edit = GraphEdit(model)
    pairs = _Pairs(edit)
    bounds = largest_magnitudes(edit)
    for node in edit.weighted_nodes():
        _quantise16(edit, pairs, node, calibration, bounds)
    return edit.finish([*edit.graph.node, *pairs.nodes])


def _quantise16(
    edit: GraphEdit, pairs: _Pairs, node: onnx.NodeProto, calibration: Calibration, bounds: dict[str, float]
) -> None:
    """Let a convolution or dense layer read 16-bit inputs and weights."""
    tensor = node.input[0]
    headroom = headroom16(calibration.samples)
    scale = _activation16(*calibration.extremes[tensor], headroom, bounds.get(tensor, math.inf))
    node.input[0] = pairs.activation(tensor, scale)
    node.input[1], _ = pairs.weight(node, np.int16)
    if len(node.input) > 2:
        bias = edit.values(node.input[2])
        node.input[2] = pairs.bias(node, _each_safe(np.abs(bias) / np.iinfo(np.int32).max))


def to_int8(model: onnx.ModelProto, calibration: Calibration, wider: frozenset[str] = frozenset()) -> onnx.ModelProto:
    """Q/DQ pairs around every operator that onnxruntime has an integer kernel for, placed so that it fuses them.

    Activations are asymmetric per tensor, so that a Relu or Clip is nothing but the lower end of its output's range
    and folds into the convolution before it. Weights are symmetric per output channel, biases 32-bit. The logits
    stay float32: integer kernels can end in float.

    Args:
        model: A float32 graph.
        calibration: Of its activations.
        wider: Names of the layers that keep 16-bit inputs and weights. What lies between them and the weighted layers
            before them stays float, or their inputs would have passed through 8 bits; with every layer in it, this is
            `to_int16`.
    """
    edit = GraphEdit(model)
    pairs = _Pairs(edit)
    wide = _wide_nodes(edit, wider)
    bounds = largest_magnitudes(edit)
    scales = _int8_scales(edit, calibration.ranges, wide)
    for node in edit.weighted_nodes():
        if node.name in wide:
            _quantise16(edit, pairs, node, calibration, bounds)
            continue
        input_scale, has_bias = scales[node.input[0]].scale, len(node.input) > 2
        # A channel of tiny weights and a large bias, as batch norm leaves behind: its bias must fit in 32 bits.
        smallest = np.abs(edit.values(node.input[2])) / (input_scale * 2.0**30) if has_bias else 0.0
        node.input[1], weight_scales = pairs.weight(node, np.int8, smallest)
        if has_bias:
            node.input[2] = pairs.bias(node, input_scale * weight_scales)
    for node in edit.graph.node:
        if node.op_type in _INTEGER_OPS and node.name not in wide:
            node.input[:] = [pairs.activation(name, scales[name]) if name in scales else name for name in node.input]
    return edit.finish([*edit.graph.node, *pairs.nodes])


def _wide_nodes(edit: GraphEdit, wider: frozenset[str]) -> frozenset[str]:
    """The layers `wider` and every operator between them and the weighted layers that they get their inputs from.

    What stands between the last layers and the graph's output is wide where all of those are.
    """
    between, _ = _before(edit, [node.input[0] for node in edit.graph.node if node.name in wider])
    behind, last = _before(edit, [output.name for output in edit.graph.output])
    return wider | between | (behind if last <= wider else frozenset())


def _before(edit: GraphEdit, tensors: list[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the operators that `tensors` come through, up to weighted layers, and of those layers."""
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


def _int8_scales(edit: GraphEdit, ranges: Ranges, wide: frozenset[str]) -> dict[str, Scale]:
    """Scale of each activation that an integer operator reads or that a clipping one writes; not those of `wide`."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    wanted: set[str] = set()
    for node in reversed(edit.graph.node):
        # Moving values about is done in integers only on the way to an operator that computes with them.
        integer = node.op_type in _INTEGER_OPS and node.name not in wide
        if integer and (node.op_type not in _MOVES or node.output[0] in wanted):
            wanted.update(node.input)
        for name in node.input:
            readers.setdefault(name, []).append(node)
    producers = {name: node for node in edit.graph.node for name in node.output}
    scales: dict[str, Scale] = {}
    for tensor in (edit.graph.input[0].name, *producers):
        producer = producers.get(tensor)
        if tensor not in wanted or _is_clipped_next(producer, readers[tensor]):
            continue
        moves = producer is not None and producer.op_type in _SAME_SCALE and producer.name not in wide
        if producer is not None and moves and producer.input[0] in scales:
            scales[tensor] = scales[producer.input[0]]
        else:
            scales[tensor] = _asymmetric(*ranges[tensor])
    return scales


def _is_clipped_next(producer: onnx.NodeProto | None, reading: list[onnx.NodeProto]) -> bool:
    """Whether the tensor lives only between an operator and the Relu or Clip that folds into it."""
    alone = len(reading) == 1 and reading[0].op_type in _CLIPPING
    return alone and producer is not None and producer.op_type in _FUSES_CLIPPING


def headroom16(samples: int) -> float:
    """The factor that widens calibrated 16-bit ranges, so that unseen samples don't clip: less of it the more is known.

    Sixteen bits can afford it, though not without limit: the error grows with the factor. On digits, unseen samples
    went beyond the ranges of 64 samples by a factor of 3 to 4, and beyond those of 512 by 1.6: a value that clips costs
    twenty times what the rounding does, and twice the range but a fifth more.
    """
    return min(1.75 + 128 / samples, 4.0)


def _activation16(low: float, high: float, headroom: float, bound: float) -> Scale:
    """The int16 scale of a range: symmetric, or over all integers where that makes the steps much finer.

    It covers `headroom` times what was seen, though no more than the operator's own `bound`. Nothing is negative after
    a Relu, and little after a Swish or a leaky Relu.
    """
    below, above = (min(side * headroom, bound) for side in (-low, high))
    if below + above > _WORTH_SHIFTING * 2 * max(below, above):
        return Scale(_safe(max(below, above) / 32767), np.int16(0))
    scale = _safe((below + above) / 65535)
    return Scale(scale, np.int16(np.clip(round(below / scale) - 32768, -32768, 32767)))


def _asymmetric(low: float, high: float) -> Scale:
    """The unsigned 8-bit scale whose ends are `low` and `high`; zero has an integer of its own, since low <= 0 <= high.

    Unsigned, because onnxruntime leaves a fifth of a residual network's convolutions and every addition in float when
    activations are signed (found with 1.31: 1.3x float32's time, where unsigned takes 0.9x or less).
    """
    scale = _safe((high - low) / 255)
    return Scale(scale, np.uint8(np.clip(round(-low / scale), 0, 255)))


def _safe(scale: float) -> float:
    """A scale that can divide: 1 for a tensor of zeros."""
    return float(_each_safe(np.array(scale)))


def _each_safe(scales: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Scales that can divide: 1 for a channel of zeros."""
    return np.where(scales > np.finfo(np.float32).tiny, scales, 1.0).astype(np.float32)


class _Pairs:
    """Makes the Q/DQ nodes and their constants, each tensor's pair once."""

    def __init__(self, edit: GraphEdit) -> None:
        self.edit = edit
        self.nodes: list[onnx.NodeProto] = []
        self._done: dict[tuple[str, Any], str] = {}

    def activation(self, tensor: str, scale: Scale) -> str:
        """Quantise and dequantise a tensor; the name of the result. Layers of two widths may each have their pair."""
        key = tensor, scale.zero_point.dtype
        if key not in self._done:
            taken = any(name == tensor for name, _ in self._done)
            name = f"{tensor}/{scale.zero_point.dtype}" if taken else tensor
            constants = [
                self.edit.add_constant(f"{name}/activation_scale", np.float32(scale.scale)),
                self.edit.add_constant(f"{name}/activation_zero_point", scale.zero_point),
            ]
            stored, result = f"{name}/quantized", f"{name}/dequantized"
            self.nodes += [
                onnx.helper.make_node("QuantizeLinear", [tensor, *constants], [stored], f"{name}/quantize"),
                onnx.helper.make_node("DequantizeLinear", [stored, *constants], [result], f"{name}/dequantize"),
            ]
            self._done[key] = result
        return self._done[key]

    def weight(
        self, node: onnx.NodeProto, dtype: type[np.signedinteger[Any]], smallest: Any = 0.0
    ) -> tuple[str, NDArray[np.float32]]:
        """Store a node's weights as integers; name of the dequantised tensor, and the scale of each output channel.

        No scale is below `smallest`, a number or one per channel.
        """
        name, weights = node.input[1], self.edit.values(node.input[1])
        limit = np.iinfo(dtype).max
        largest = np.abs(weights).reshape(len(weights), -1).max(axis=1)
        scales = _each_safe(np.maximum(largest / limit, smallest))
        shaped = scales.reshape(-1, *[1] * (weights.ndim - 1)).astype(np.float64)
        integers = np.clip(np.round(weights / shaped), -limit, limit).astype(dtype)
        return self._dequantize(node, name, integers, scales), scales

    def bias(self, node: onnx.NodeProto, scales: NDArray[np.float32]) -> str:
        """Store a node's bias as int32 with the given scale of each channel; name of the dequantised tensor."""
        limit = np.iinfo(np.int32).max
        rounded = np.round(self.edit.values(node.input[2]).astype(np.float64) / scales)
        integers = np.clip(rounded, -limit, limit).astype(np.int32)
        return self._dequantize(node, node.input[2], integers, scales.astype(np.float32))

    def _dequantize(self, node: onnx.NodeProto, name: str, integers: Any, scales: NDArray[np.float32]) -> str:
        inputs = [
            self.edit.add_constant(f"{name}/quantized", integers),
            self.edit.add_constant(f"{name}/scale", scales),
            self.edit.add_constant(f"{name}/zero_point", np.zeros(len(scales), integers.dtype)),
        ]
        result = f"{name}/dequantized"
        self.nodes.append(onnx.helper.make_node("DequantizeLinear", inputs, [result], f"{name}/dequantize", axis=0))
        return result
