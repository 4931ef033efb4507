"""Scales and shifts by constants in .tflite files, and which of them merge into the layer before.

The rule is that of `onnx_affine`: one scale or shift for all values, or one for each channel, merges into the
convolution or dense layer whose result it reads, if nothing else reads that result.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqnxt_sim.frontend.tflite_graph import TfliteGraph, given
from sqnxt_sim.frontend.tflite_operators import PRODUCTS, VIEWS
from sqnxt_sim.frontend.tflite_parts import TfliteOperator
from sqnxt_sim.workload import ConvLayer

_AFFINE = frozenset({"ADD", "DIV", "MUL", "SUB"})


def merged_affines(graph: TfliteGraph, layers: Sequence[Sequence[ConvLayer]]) -> frozenset[int]:
    """Return the places of the scales and shifts that merge into the layer before them.

    Args:
        graph: The graph.
        layers: For each node, the layers that it becomes on the array; empty for other nodes.
    """
    channels: dict[int, int] = {}
    merged = set()
    for place, (node, made) in enumerate(zip(graph.nodes, layers, strict=True)):
        data = [tensor for tensor in given(node.inputs) if tensor not in graph.constants]
        if made and node.op in PRODUCTS:
            channels[graph.result(node)] = (
                made[0].out_channels if made[0].groups == 1 or node.op != "BATCH_MATMUL" else 1
            )
        elif len(data) != 1 or data[0] not in channels or not _is_only_reader(graph, data[0]):
            continue
        elif node.op in VIEWS or (is_affine(graph, node) and _fits(graph, node, channels[data[0]])):
            channels[graph.result(node)] = channels[data[0]]
            if node.op not in VIEWS:
                merged.add(place)
    return frozenset(merged)


def is_affine(graph: TfliteGraph, node: TfliteOperator) -> bool:
    """Tell whether a node scales or shifts its only activation by a constant; a constant over it is no scale of it."""
    if node.op not in _AFFINE or node.is_custom or len(node.inputs) != 2:
        return False
    are_constant = [tensor in graph.constants for tensor in node.inputs]
    return sum(are_constant) == 1 and not (node.op == "DIV" and are_constant[0])


def _is_only_reader(graph: TfliteGraph, tensor: int) -> bool:
    return len(graph.readers.get(tensor, ())) == 1 and tensor not in graph.outputs


def _fits(graph: TfliteGraph, node: TfliteOperator, channels: int) -> bool:
    """Tell whether there is one constant for all values, or one for each channel; channels are the last axis."""
    constant = next(tensor for tensor in node.inputs if tensor in graph.constants)
    shape, size = graph.shape(constant), graph.tensors[constant].size
    return size == 1 or (size == channels and shape[-1] == channels)
