"""Layers from convolutions, with attributes and automatic padding as ONNX defines them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from onnx import NodeProto

from sqnxt_sim.frontend.onnx_graph import (
    Attributes,
    OnnxGraph,
    attributes,
    integer,
    integers,
    known_shape,
    mismatch,
    node_name,
    text,
)
from sqnxt_sim.frontend.onnx_operators import CONVOLUTIONS
from sqnxt_sim.frontend.onnx_weights import activation_bits, operand_facts
from sqnxt_sim.workload import ConvLayer

PADDING_MODES = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
"""Values that ONNX allows for `auto_pad`."""


def convolution_layer(graph: OnnxGraph, node: NodeProto, constants: frozenset[str]) -> ConvLayer | None:
    """Return the layer of a 1-D convolution (as 2-D of height 1), a 2-D or a 3-D one; None for other ranks.

    Raises:
        SimulatorError: A shape is not known, or does not fit the others.
    """
    operands = CONVOLUTIONS[node.op_type]
    given = attributes(node)
    channels_last = node.op_type.startswith("Nhwc") or integer(given, "channels_last", 0) == 1
    data = _channels_first(known_shape(graph, node, node.input[operands.data]), channels_last)
    weights = known_shape(graph, node, node.input[operands.weights])
    rank = len(data) - 2
    if rank not in (1, 2, 3):
        return None
    groups, strides, dilations = conv_attributes(given, rank)
    if len(weights) != len(data) or data[1] != weights[1] * groups:
        raise mismatch(graph, node, f"{data[1]} input channels, {groups} groups of {list(weights)[1:2]}")
    spans = [(size - 1) * dilation + 1 for size, dilation in zip(weights[2:], dilations, strict=True)]
    begin, end = _pads(given, data[2:], spans, strides)
    slices = [
        (size + before + after - span) // stride + 1
        for size, before, after, span, stride in zip(data[2:], begin, end, spans, strides, strict=True)
    ][: max(rank - 2, 0)]
    facts = operand_facts(graph, node, operands, constants)
    layer = ConvLayer(
        name=node_name(node),
        op=node.op_type,
        **slice_fields(data[0], data[1], slices, weights[2:]),
        out_channels=weights[0],
        groups=groups,
        weight_bits=facts.bits,
        activation_bits=activation_bits(graph, node.input[operands.data]),
        nonzero_weights=facts.nonzero,
        computed_weights=node.input[operands.weights] not in constants,
        **size_fields("in", data[2:], 1),
        **size_fields("kernel", weights[2:], 1),
        **size_fields("stride", strides, 1),
        **size_fields("dilation", dilations, 1),
        **pad_fields(begin, end),
    )
    output = _channels_first(known_shape(graph, node, node.output[0]), channels_last)
    if output != (data[0], weights[0], *slices, *(layer.out_height, layer.out_width)[max(2 - rank, 0) :]):
        raise mismatch(graph, node, f"an output of {output}")
    return layer


def slice_fields(batch: int, channels: int, slices: Sequence[int], kernel: Sequence[int]) -> dict[str, int]:
    """Return the batch and the input channels of a `ConvLayer`.

    Each output slice of a volume is an image of its own, whose input channels are those of all slices under the kernel:
    a 3x3x3 convolution with 8 channels and 16 output slices is a batch of 16 images with 3 * 8 channels.

    Args:
        batch: Batch of the network.
        channels: Input channels of the convolution.
        slices: Number of output slices of a volume; empty for maps.
        kernel: Size of the kernel along every axis.
    """
    depth = kernel[0] if slices else 1
    return {"batch": batch * prod(slices), "in_channels": channels * depth}


def conv_attributes(given: Attributes, rank: int) -> tuple[int, list[int], list[int]]:
    """Return groups, strides and dilations, which are 1 by default."""
    strides, dilations = (integers(given, key) or [1] * rank for key in ("strides", "dilations"))
    return integer(given, "group", 1), strides, dilations


def size_fields(what: str, values: Sequence[int], missing: int) -> dict[str, int]:
    """Return a height and a width of a `ConvLayer` from the last two values; a single value is the width."""
    height, width = ([missing] * (2 - len(values)) + list(values))[-2:]
    return {f"{what}_height": height, f"{what}_width": width}


def pad_fields(begin: Sequence[int], end: Sequence[int]) -> dict[str, int]:
    """Return the four pads of a `ConvLayer` from those of the last two axes."""
    (top, left), (bottom, right) = (([0] * (2 - len(pads)) + list(pads))[-2:] for pads in (begin, end))
    return {"pad_top": top, "pad_left": left, "pad_bottom": bottom, "pad_right": right}


def _channels_first(shape: tuple[int, ...], channels_last: bool) -> tuple[int, ...]:
    return (shape[0], shape[-1], *shape[1:-1]) if channels_last else shape


def _pads(
    given: Attributes, sizes: tuple[int, ...], spans: list[int], strides: list[int]
) -> tuple[list[int], list[int]]:
    """Return the zeros before and after each spatial axis; automatic padding follows ONNX's definition.

    Example: 224 pixels, a span of 3 and a stride of 2 need (112 - 1) * 2 + 3 - 224 = 1 zero. SAME_UPPER puts it after
    the pixels, SAME_LOWER before them.
    """
    mode = text(given, "auto_pad", "NOTSET")
    if mode == "NOTSET":
        pads = integers(given, "pads") or [0] * (2 * len(sizes))
        return pads[: len(sizes)], pads[len(sizes) :]
    if mode == "VALID":
        return [0] * len(sizes), [0] * len(sizes)
    totals = [
        max((-(-size // stride) - 1) * stride + span - size, 0)
        for size, span, stride in zip(sizes, spans, strides, strict=True)
    ]
    small, large = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return (small, large) if mode == "SAME_UPPER" else (large, small)
