"""Layers from transposed convolutions in ONNX files, one for each phase (see `phases`)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

import numpy as np
from onnx import NodeProto

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.frontend.onnx_convolutions import PADDING_MODES, conv_attributes, pad_fields, size_fields, slice_fields
from sqnxt_sim.frontend.onnx_graph import (
    Attributes,
    OnnxGraph,
    attributes,
    integers,
    known_shape,
    mismatch,
    node_name,
    text,
)
from sqnxt_sim.frontend.onnx_operators import TRANSPOSED
from sqnxt_sim.frontend.onnx_weights import activation_bits, operand_facts
from sqnxt_sim.frontend.phases import Phase, axis_phases
from sqnxt_sim.frontend.weight_facts import count_by_tap
from sqnxt_sim.layer_limits import MAX_MAP_SIZE
from sqnxt_sim.workload import ConvLayer

# Each phase is a layer; the limit is far above the strides of any network.
_MAX_PHASES = 4096


def transposed_layers(graph: OnnxGraph, node: NodeProto, constants: frozenset[str]) -> list[ConvLayer] | None:
    """Return the layers of a 1-D, 2-D or 3-D ConvTranspose, one for each phase; None for other ranks.

    Raises:
        SimulatorError: A shape is not known, or does not fit the others, or there are too many phases.
    """
    data, weights = (known_shape(graph, node, name) for name in node.input[:2])
    output = known_shape(graph, node, node.output[0])
    if len(data) not in (3, 4, 5):
        return None
    given = attributes(node)
    groups, _, _ = conv_attributes(given, len(data) - 2)
    if len(weights) != len(data) or data[1] != weights[0] or output[1] != weights[1] * groups:
        raise mismatch(graph, node, f"{data[1]} input channels and weights {list(weights)}")
    if text(given, "auto_pad", "NOTSET") not in PADDING_MODES:
        raise mismatch(graph, node, f"auto_pad {text(given, 'auto_pad', '')!r}")
    places = list(product(*_axes(graph, node, data[2:], weights[2:], output[2:])))
    facts = operand_facts(graph, node, TRANSPOSED[node.op_type], constants)
    by_tap = None if facts.mask is None else count_by_tap(facts.mask)
    return [
        ConvLayer(
            name=_name(node, place, alone=len(places) == 1),
            op=node.op_type,
            **slice_fields(
                data[0], data[1], [phase.outputs for phase in place[:-2]], [len(phase.taps) for phase in place]
            ),
            out_channels=output[1],
            groups=groups,
            weight_bits=facts.bits,
            activation_bits=activation_bits(graph, node.input[0]),
            computed_weights=node.input[1] not in constants,
            nonzero_weights=None if by_tap is None else int(by_tap[np.ix_(*(phase.taps for phase in place))].sum()),
            **size_fields("in", [phase.size for phase in place], 1),
            **size_fields("kernel", [len(phase.taps) for phase in place], 1),
            **size_fields("dilation", [phase.dilation for phase in place], 1),
            **pad_fields([phase.pad_before for phase in place], [phase.pad_after for phase in place]),
        )
        for place in places
    ]


def _name(node: NodeProto, place: tuple[Phase, ...], *, alone: bool) -> str:
    return node_name(node) if alone else f"{node_name(node)} phase {','.join(str(phase.phase) for phase in place)}"


def _axes(
    graph: OnnxGraph, node: NodeProto, data: tuple[int, ...], kernel: tuple[int, ...], output: tuple[int, ...]
) -> list[list[Phase]]:
    """Return the phases of each spatial axis."""
    if max(output) > MAX_MAP_SIZE:
        raise SimulatorError(
            f"layer {node_name(node)!r}", f"its output is {list(output)}", f"no side may exceed {MAX_MAP_SIZE}"
        )
    given = attributes(node)
    _, strides, dilations = conv_attributes(given, len(data))
    axes = [
        axis_phases(in_size=size, out_size=out, kernel=taps, stride=stride, dilation=dilation, pad=pad)
        for size, out, taps, stride, dilation, pad in zip(
            data, output, kernel, strides, dilations, _pads(given, data, kernel, output), strict=True
        )
    ]
    if prod(map(len, axes)) > _MAX_PHASES:
        raise SimulatorError(
            graph.name, f"node {node_name(node)!r} has a stride of more than {_MAX_PHASES} phases", "use a smaller one"
        )
    return axes


def _pads(given: Attributes, data: tuple[int, ...], kernel: tuple[int, ...], output: tuple[int, ...]) -> Iterator[int]:
    """Yield the number of rows that are cut off in front of each axis.

    If it follows from the size of the output and the total is odd, SAME_UPPER cuts the extra row off behind, and the
    other modes in front. Source: ONNX's definition of ConvTranspose.
    """
    rank = len(data)
    _, strides, dilations = conv_attributes(given, rank)
    mode = text(given, "auto_pad", "NOTSET")
    if mode == "VALID" and integers(given, "output_shape") is None:
        yield from [0] * rank
    elif mode == "NOTSET" and integers(given, "output_shape") is None:
        yield from (integers(given, "pads") or [0] * rank)[:rank]
    else:
        extra = integers(given, "output_padding") or [0] * rank
        for size, taps, out, stride, dilation, more in zip(
            data, kernel, output, strides, dilations, extra, strict=True
        ):
            total = max(stride * (size - 1) + more + (taps - 1) * dilation + 1 - out, 0)
            yield total // 2 if mode == "SAME_UPPER" else total - total // 2
