"""Layers from transposed convolutions in .tflite files, one for each phase (see `phases`)."""

from __future__ import annotations

from itertools import product

import numpy as np

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.frontend.phases import Phase, axis_phases
from sqnxt_sim.frontend.tflite_convolutions import activation_bits
from sqnxt_sim.frontend.tflite_graph import TfliteGraph
from sqnxt_sim.frontend.tflite_parts import TfliteOperator
from sqnxt_sim.frontend.tflite_weights import weight_facts
from sqnxt_sim.frontend.weight_facts import count_by_tap
from sqnxt_sim.layer_limits import MAX_MAP_SIZE
from sqnxt_sim.workload import ConvLayer

# Each phase is a layer; the limit is far above the strides of any network.
_MAX_PHASES = 4096
_STRIDES = (2, 1)


def transposed_layers(graph: TfliteGraph, node: TfliteOperator, name: str) -> list[ConvLayer]:
    """Return the layers of a TRANSPOSE_CONV, whose weights are [outputs, height, width, inputs].

    Raises:
        SimulatorError: The shapes do not fit each other, or there are too many phases.
        ValueError: The bytes of the weights do not match their shape.
    """
    data, weights = graph.shape(graph.operand(node, 2)), graph.shape(graph.operand(node, 1))
    output = graph.shape(graph.result(node))
    if any(len(shape) != 4 or min(shape) < 1 for shape in (data, weights, output)) or max(output) > MAX_MAP_SIZE:
        raise graph.mismatch(node, f"a map {list(data)}, weights {list(weights)} and an output of {list(output)}")
    if data[3] != weights[3] or output[3] != weights[0]:
        raise graph.mismatch(node, f"{data[3]} input channels and weights {list(weights)}")
    places = _places(graph, node, data, weights, output)
    facts = weight_facts(graph, graph.operand(node, 1))
    by_tap = None if facts.mask is None else count_by_tap(facts.mask.transpose(0, 3, 1, 2))
    bits = activation_bits(graph, graph.operand(node, 2), graph.operand(node, 1))
    return [
        ConvLayer(
            name=name if len(places) == 1 else f"{name} phase {rows.phase},{columns.phase}",
            op="ConvTranspose",
            in_channels=data[3],
            out_channels=output[3],
            in_height=rows.size,
            in_width=columns.size,
            kernel_height=len(rows.taps),
            kernel_width=len(columns.taps),
            dilation_height=rows.dilation,
            dilation_width=columns.dilation,
            pad_top=rows.pad_before,
            pad_left=columns.pad_before,
            pad_bottom=rows.pad_after,
            pad_right=columns.pad_after,
            batch=data[0],
            weight_bits=facts.bits,
            computed_weights=graph.operand(node, 1) not in graph.constants,
            activation_bits=bits,
            nonzero_weights=None if by_tap is None else int(by_tap[np.ix_(rows.taps, columns.taps)].sum()),
        )
        for rows, columns in places
    ]


def _places(
    graph: TfliteGraph, node: TfliteOperator, data: tuple[int, ...], weights: tuple[int, ...], output: tuple[int, ...]
) -> list[tuple[Phase, Phase]]:
    """Return the phases of both axes. What SAME and VALID cut off is what they add in front of the same convolution."""
    axes = []
    for axis, slot in enumerate(_STRIDES, start=1):
        stride = node.option(slot)
        if stride < 1:
            raise graph.mismatch(node, f"a stride of {stride}")
        total = max((data[axis] - 1) * stride + weights[axis] - output[axis], 0)
        axes.append(
            axis_phases(
                in_size=data[axis],
                out_size=output[axis],
                kernel=weights[axis],
                stride=stride,
                dilation=1,
                pad=total // 2,
            )
        )
    if len(axes[0]) * len(axes[1]) > _MAX_PHASES:
        raise SimulatorError(
            graph.name, f"{node.op} has a stride of more than {_MAX_PHASES} phases", "use a smaller one"
        )
    return list(product(axes[0], axes[1]))
