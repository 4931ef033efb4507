"""The origin of every tensor of an ONNX graph: the batch and the map that the rows of a matrix come from."""

from __future__ import annotations

from onnx import NodeProto

from sqnxt_sim.frontend.onnx_graph import OnnxGraph, attributes, integer
from sqnxt_sim.frontend.onnx_operators import CONVOLUTIONS, DENSE, TRANSPOSED, operator
from sqnxt_sim.frontend.positions import Origin, origin_of_input

_ON_MAPS = frozenset(
    {
        *CONVOLUTIONS, *TRANSPOSED, "AveragePool", "DepthToSpace", "LpPool", "MaxPool", "MaxUnpool", "NhwcMaxPool",
        "QLinearAveragePool", "Resize", "SpaceToDepth", "Upsample",
    }
)  # fmt: skip


Origins = dict[str, Origin]


def find_origins(graph: OnnxGraph) -> Origins:
    """Return the origin of every tensor that depends on the network's input."""
    origins = {name: origin_of_input(graph.shapes[name]) for name in graph.inputs if name in graph.shapes}
    for node in graph.nodes:
        before = next((origins[name] for name in node.input if name in origins), None)
        if before is None:
            continue
        op, after, shape = operator(node), before, graph.shapes.get(node.output[0], ())
        if op in _ON_MAPS and shape:
            after = Origin(batch=shape[0], maps=_map_of(node, shape))
        elif op in DENSE and len(shape) == 4 and shape[0] == before.batch:
            # A dense layer keeps its channels last. What made the map smaller before it may have been a Slice.
            after = Origin(batch=before.batch, maps=((shape[1], shape[2]), *before.maps[:1]))
        origins.update((name, after) for name in node.output if name)
    return origins


def _map_of(node: NodeProto, shape: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    last = node.op_type.startswith("Nhwc") or integer(attributes(node), "channels_last", 0) == 1
    sides = shape[1:-1] if last else shape[2:]
    if len(sides) == 2:
        return ((sides[0], sides[1]),)
    return ((1, sides[0]),) if len(sides) == 1 else ()
