"""Nodes of a .tflite file that merge into the convolution beside them: padding in front, and dilation around it.

TensorFlow's converter writes an explicit padding as a PAD before a convolution, and may write a dilated convolution as
SPACE_TO_BATCH_ND, a plain convolution on each of the interleaved maps, and BATCH_TO_SPACE_ND.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from numpy.typing import NDArray

from sqnxt_sim.frontend.tflite_graph import TfliteGraph
from sqnxt_sim.frontend.tflite_parts import TfliteOperator
from sqnxt_sim.frontend.tflite_values import constant_values

CONVOLUTIONS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})
_PAD = "a border of zeros, merges into the convolution behind it"
_DILATION = "rearranges the map for a dilated convolution, which reads it as it is"


class MapInput(NamedTuple):
    """The map that a convolution really reads: its tensor, (height, width) of what is added, and dilation.

    `output` is the (height, width) of the result where other nodes make it of the convolution's own output.
    """

    data: int
    before: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    output: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """What merges: inputs of convolutions by their node, and the reason by node for each node that merges."""

    inputs: dict[int, MapInput] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)


def merged_nodes(graph: TfliteGraph) -> Merged:
    """Find the nodes that merge into a convolution.

    Raises:
        ValueError: A constant's bytes do not match its shape.
    """
    found = Merged()
    for place, node in enumerate(graph.nodes):
        if node.op in ("PAD", "PADV2") and not node.is_custom:
            _merge_padding(graph, place, node, found)
        elif node.op == "SPACE_TO_BATCH_ND" and not node.is_custom:
            _merge_dilation(graph, place, node, found)
    return found


def _merge_padding(graph: TfliteGraph, place: int, node: TfliteOperator, found: Merged) -> None:
    output = graph.result(node)
    readers = graph.readers.get(output, ())
    pads = _constant(graph, node, 1)
    if not readers or output in graph.outputs or pads is None or pads.shape != (4, 2) or not _pads_zeros(graph, node):
        return
    if pads.min() < 0 or pads[0].any() or pads[3].any():
        return
    if all(graph.nodes[reader].op in CONVOLUTIONS and graph.nodes[reader].inputs[0] == output for reader in readers):
        found.reasons[place] = _PAD
        (top, bottom), (left, right) = ([int(size) for size in row] for row in pads[1:3])
        given = MapInput(graph.operand(node, 0), before=(top, left), after=(bottom, right))
        found.inputs.update(dict.fromkeys(readers, given))


def _pads_zeros(graph: TfliteGraph, node: TfliteOperator) -> bool:
    """Tell whether the border is zero: PAD's is, PADV2 has a value of its own, for integers the zero point."""
    if node.op == "PAD":
        return True
    value = _constant(graph, node, 2)
    zero_points = graph.tensors[node.inputs[2]].quantization.zero_points if value is not None else ()
    return value is not None and value.size == 1 and value.reshape(-1)[0] == (zero_points[0] if zero_points else 0)


def _merge_dilation(graph: TfliteGraph, place: int, node: TfliteOperator, found: Merged) -> None:
    convolution = _only_reader(graph, place)
    back = None if convolution is None else _only_reader(graph, convolution)
    if convolution is None or back is None or graph.nodes[convolution].op not in CONVOLUTIONS:
        return
    if graph.nodes[back].op != "BATCH_TO_SPACE_ND" or graph.nodes[convolution].inputs[0] != graph.result(node):
        return
    blocks, pads, crops = (_constant(graph, graph.nodes[of], at) for of, at in ((place, 1), (place, 2), (back, 2)))
    again = _constant(graph, graph.nodes[back], 1)
    if blocks is None or pads is None or crops is None or again is None or blocks.shape != (2,):
        return
    if pads.shape != (2, 2) or crops.shape != (2, 2) or again.tolist() != blocks.tolist() or blocks.min() < 1:
        return
    data, output = graph.operand(node, 0), graph.shape(graph.result(graph.nodes[back]))
    kernel = graph.shape(graph.operand(graph.nodes[convolution], 1))[1:3]
    sizes = graph.shape(data)[1:3]
    before = [int(pads[axis][0] - crops[axis][0]) for axis in (0, 1)]
    spans = [(kernel[axis] - 1) * int(blocks[axis]) + 1 for axis in (0, 1)]
    after = [output[1 + axis] + spans[axis] - 1 - sizes[axis] - before[axis] for axis in (0, 1)]
    if min(*before, *after) < 0:
        return
    found.reasons[place] = found.reasons[back] = _DILATION
    found.inputs[convolution] = MapInput(
        data,
        before=(before[0], before[1]),
        after=(after[0], after[1]),
        dilation=(int(blocks[0]), int(blocks[1])),
        output=(output[1], output[2]),
    )


def _only_reader(graph: TfliteGraph, place: int) -> int | None:
    """Return the one node that reads a node's output; None if there are others, or if the output leaves the graph."""
    output = graph.result(graph.nodes[place])
    readers = graph.readers.get(output, ())
    return readers[0] if len(readers) == 1 and output not in graph.outputs else None


def _constant(graph: TfliteGraph, node: TfliteOperator, number: int) -> NDArray[Any] | None:
    tensor = node.inputs[number] if number < len(node.inputs) else -1
    return constant_values(graph.tensors[tensor]) if tensor >= 0 else None
