"""Layers from convolutions of .tflite files, whose maps are [batch, height, width, channels]."""

from __future__ import annotations

from typing import NamedTuple

from sqnxt_sim.frontend.tflite_folding import MapInput
from sqnxt_sim.frontend.tflite_graph import TfliteGraph
from sqnxt_sim.frontend.tflite_parts import TfliteOperator
from sqnxt_sim.frontend.tflite_weights import weight_facts
from sqnxt_sim.workload import ConvLayer

_SAME = 0
_HYBRID_BITS = 8
"""Kernels that take float maps and integer weights quantise the map to this width before they multiply."""


class _Slots(NamedTuple):
    """Slots of (height, width) options; the padding is in slot 0."""

    strides: tuple[int, int]
    dilations: tuple[int, int]


_SLOTS_3D = ((1, 3, 2), (5, 7, 6))
_SLOTS = {"CONV_2D": _Slots((2, 1), (5, 4)), "DEPTHWISE_CONV_2D": _Slots((2, 1), (6, 5))}


def convolution_layer(graph: TfliteGraph, node: TfliteOperator, name: str, given: MapInput | None) -> ConvLayer:
    """Return the layer of a CONV_2D, grouped or not, or of a DEPTHWISE_CONV_2D with any multiplier.

    Args:
        graph: The graph.
        node: The node.
        name: Name of the layer.
        given: The map that it reads if other nodes merge into it.

    Raises:
        SimulatorError: The shapes do not fit each other.
        ValueError: The bytes of the weights do not match their shape.
    """
    given = given or MapInput(graph.operand(node, 0))
    data, weights = graph.shape(given.data), graph.shape(graph.operand(node, 1))
    if len(data) != 4 or len(weights) != 4 or min(*data, *weights) < 1:
        raise graph.mismatch(node, f"a map {list(data)} and weights {list(weights)}")
    out_channels, groups = _channels(graph, node, data, weights)
    slots = _SLOTS[node.op]
    strides = (node.option(slots.strides[0]), node.option(slots.strides[1]))
    own = (node.option(slots.dilations[0], 1), node.option(slots.dilations[1], 1))
    dilations = (own[0] * given.dilation[0], own[1] * given.dilation[1])
    if min(*strides, *dilations) < 1:
        raise graph.mismatch(node, f"strides {list(strides)} and dilations {list(dilations)}")
    (top, bottom), (left, right) = (
        _pads(node, data[1 + axis], weights[1 + axis], strides[axis], dilations[axis], given, axis) for axis in (0, 1)
    )
    facts = weight_facts(graph, graph.operand(node, 1))
    layer = ConvLayer(
        name=name,
        in_channels=data[3],
        out_channels=out_channels,
        in_height=data[1],
        in_width=data[2],
        kernel_height=weights[1],
        kernel_width=weights[2],
        stride_height=strides[0],
        stride_width=strides[1],
        dilation_height=dilations[0],
        dilation_width=dilations[1],
        pad_top=top,
        pad_left=left,
        pad_bottom=bottom,
        pad_right=right,
        groups=groups,
        batch=data[0],
        weight_bits=facts.bits,
        activation_bits=activation_bits(graph, given.data, graph.operand(node, 1)),
        nonzero_weights=facts.nonzero,
        computed_weights=graph.operand(node, 1) not in graph.constants,
    )
    output = graph.shape(graph.result(node))
    if (layer.out_height, layer.out_width) != (given.output or tuple(output[1:3])) or output[-1] != out_channels:
        raise graph.mismatch(node, f"an output of {list(output)}")
    return layer


def volume_layer(graph: TfliteGraph, node: TfliteOperator, name: str) -> ConvLayer:
    """Return the layer of a CONV_3D, on volumes [batch, depth, height, width, channels].

    Each output slice is an image of its own, whose input channels are those of all slices under the kernel.

    Raises:
        SimulatorError: The shapes do not fit each other.
        ValueError: The bytes of the weights do not match their shape.
    """
    data, weights = graph.shape(graph.operand(node, 0)), graph.shape(graph.operand(node, 1))
    output = graph.shape(graph.result(node))
    if any(len(shape) != 5 or min(shape) < 1 for shape in (data, weights, output)) or data[4] % weights[3]:
        raise graph.mismatch(node, f"a volume {list(data)} and weights {list(weights)}")
    strides, dilations = ([node.option(slot, default) for slot in slots] for default, slots in enumerate(_SLOTS_3D))
    if min(*strides, *dilations) < 1:
        raise graph.mismatch(node, f"strides {strides} and dilations {dilations}")
    given = MapInput(0)
    pads = [_pads(node, data[1 + a], weights[a], strides[a], dilations[a], given, axis=1) for a in (0, 1, 2)]
    slices = (data[1] + sum(pads[0]) - (weights[0] - 1) * dilations[0] - 1) // strides[0] + 1
    facts = weight_facts(graph, graph.operand(node, 1))
    layer = ConvLayer(
        name=name,
        in_channels=data[4] * weights[0],
        out_channels=weights[4],
        in_height=data[2],
        in_width=data[3],
        kernel_height=weights[1],
        kernel_width=weights[2],
        stride_height=strides[1],
        stride_width=strides[2],
        dilation_height=dilations[1],
        dilation_width=dilations[2],
        pad_top=pads[1][0],
        pad_left=pads[2][0],
        pad_bottom=pads[1][1],
        pad_right=pads[2][1],
        groups=data[4] // weights[3],
        batch=data[0] * max(slices, 1),
        weight_bits=facts.bits,
        activation_bits=activation_bits(graph, graph.operand(node, 0), graph.operand(node, 1)),
        nonzero_weights=facts.nonzero,
        computed_weights=graph.operand(node, 1) not in graph.constants,
    )
    if output[1:] != (slices, layer.out_height, layer.out_width, weights[4]):
        raise graph.mismatch(node, f"an output of {list(output)}")
    return layer


def activation_bits(graph: TfliteGraph, data: int, weights: int) -> int | None:
    """Return the width at which a node multiplies the values of a tensor by those of another; None for floats."""
    bits = graph.bits(data)
    return _HYBRID_BITS if bits is None and graph.bits(weights) is not None else bits


def same_pads(size: int, span: int, stride: int) -> tuple[int, int]:
    """Return the zeros before and after an axis that make ceil(size / stride) outputs."""
    total = max((-(-size // stride) - 1) * stride + span - size, 0)
    return total // 2, total - total // 2


def _channels(
    graph: TfliteGraph, node: TfliteOperator, data: tuple[int, ...], weights: tuple[int, ...]
) -> tuple[int, int]:
    """Return output channels and groups."""
    if node.op == "DEPTHWISE_CONV_2D":
        if weights[0] != 1 or weights[3] % data[3]:
            raise graph.mismatch(node, f"{data[3]} channels and depthwise weights {list(weights)}")
        return weights[3], data[3]
    if data[3] % weights[3]:
        raise graph.mismatch(node, f"{data[3]} channels and weights for {weights[3]}")
    return weights[0], data[3] // weights[3]


def _pads(
    node: TfliteOperator, size: int, kernel: int, stride: int, dilation: int, given: MapInput, axis: int
) -> tuple[int, int]:
    """Return the zeros before and after one axis: those of the node, and those of nodes that merge into it."""
    before, after = given.before[axis], given.after[axis]
    if node.choice(0) == _SAME and given.output is None:
        own = same_pads(size + before + after, (kernel - 1) * dilation + 1, stride)
        return before + own[0], after + own[1]
    return before, after
