"""Activations that are alive while each node of an ONNX graph runs (see `memory`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from onnx import NodeProto

from sqnxt_sim.frontend.memory import Step, TensorSize, live_activations
from sqnxt_sim.frontend.onnx_graph import OnnxGraph, node_name, nodes_with_branches
from sqnxt_sim.frontend.onnx_operators import VIEWS, WITH_BRANCHES, operator
from sqnxt_sim.frontend.onnx_zeros import tensor_bits
from sqnxt_sim.workload import LiveActivations

# Their outputs are their inputs under another name: a DequantizeLinear's integers are kept as they are.
_SHARING = VIEWS | {"DequantizeLinear"}


def graph_memory(graph: OnnxGraph, folded: Sequence[bool], constants: frozenset[str]) -> tuple[LiveActivations, ...]:
    """Return what is alive while each node runs that depends on the network's input.

    Args:
        graph: The graph.
        folded: For each node, whether it merges into its neighbour.
        constants: Names of the constant tensors.

    Returns:
        One entry for each such node; empty if the shape of an activation is not known.
    """
    activations = [
        (node, is_folded)
        for node, is_folded in zip(graph.nodes, folded, strict=True)
        if not all(name in constants for name in node.output)
    ]
    if not _shapes_are_known(graph, activations, constants):
        return ()
    sizes = {
        name: TensorSize(values=prod(shape), bits=tensor_bits(graph, name))
        for name, shape in graph.shapes.items()
        if name not in constants
    }
    steps = [
        Step(
            name=node_name(node),
            reads=tuple(_reads(node)),
            writes=tuple(node.output),
            is_folded=is_folded,
            is_view=is_folded and operator(node) in _SHARING,
        )
        for node, is_folded in activations
    ]
    return live_activations(steps, sizes, inputs=graph.inputs, outputs=graph.outputs)


def _shapes_are_known(
    graph: OnnxGraph, activations: Sequence[tuple[NodeProto, bool]], constants: frozenset[str]
) -> bool:
    """Tell whether all activations in use have a shape; unread outputs (Dropout's mask) have none in old graphs."""
    shapes = graph.shapes
    return all(name in shapes for name in (*graph.inputs, *graph.outputs)) and all(
        node.output[0] in shapes and all(name in shapes or name in constants or not name for name in node.input)
        for node, _ in activations
    )


def _reads(node: NodeProto) -> Iterator[str]:
    """Yield the tensors that a node reads, and those of the outer graph that its branches and loop bodies read."""
    yield from node.input
    # Only these operators, and perhaps unknown ones, have branches. Searching every node would double the time.
    if operator(node) in ("", *WITH_BRANCHES):
        for inner in nodes_with_branches((node,)):
            yield from inner.input
