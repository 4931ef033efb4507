"""A checked ONNX graph, and helpers that read names, attributes and shapes from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from onnx import AttributeProto, NodeProto, SparseTensorProto, TensorProto

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.frontend.onnx_operators import WITH_BRANCHES

OLDEST_OPSET = 7
"""Operators of earlier opsets have other semantics (broadcasting, for one), and onnx infers few of their shapes."""

Attributes = dict[str, AttributeProto]

MAX_CHAIN = 256
"""Number of nodes that a tensor is followed through: in a hostile file, each could follow a chain of all others."""


class OnnxGraph(NamedTuple):
    """A checked graph in execution order.

    `shapes` and `element_types` are by tensor name. A shape is a tuple of positive integers; it is absent if onnx could
    not infer all of it. `producers` maps a tensor to the node that computes it.
    """

    name: str
    opset: int
    nodes: tuple[NodeProto, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    initializers: dict[str, TensorProto]
    sparse_initializers: dict[str, SparseTensorProto]
    shapes: dict[str, tuple[int, ...]]
    element_types: dict[str, int]
    producers: dict[str, NodeProto]


def node_name(node: NodeProto) -> str:
    """Return the node's name, or that of its first output if it has none."""
    return node.name or next(iter(node.output), "") or node.op_type


def attributes(node: NodeProto) -> Attributes:
    """Return the attributes of a node by name."""
    return {attribute.name: attribute for attribute in node.attribute}


def integer(given: Attributes, name: str, default: int) -> int:
    """Return an integer attribute, or its default."""
    return given[name].i if name in given else default


def integers(given: Attributes, name: str) -> list[int] | None:
    """Return an attribute that is a list of integers, or None if it is absent."""
    return list(given[name].ints) if name in given else None


def text(given: Attributes, name: str, default: str) -> str:
    """Return a string attribute, or its default."""
    return given[name].s.decode() if name in given else default


def known_shape(graph: OnnxGraph, node: NodeProto, name: str) -> tuple[int, ...]:
    """Return the shape of a tensor that `node` reads or writes.

    Raises:
        SimulatorError: It is not known, because it follows from values or from an operator that onnx does not know.
    """
    if name in graph.shapes:
        return graph.shapes[name]
    source = _first_unknown(graph, name)
    if source is not None and source.op_type in WITH_BRANCHES:
        raise SimulatorError(
            graph.name,
            f"node {node_name(node)!r} needs the shape of {name!r}, which depends on what runs inside the "
            f"{source.op_type} {node_name(source)!r}",
            "export it without loops and branches, or with the LSTM or GRU that the loop is",
        )
    if source is None or source.domain in ("", "ai.onnx"):
        remedy = old_opset_remedy(graph.opset) or "export it with static shapes"
        raise SimulatorError(graph.name, f"node {node_name(node)!r} has a dynamic shape at {name!r}", remedy)
    raise SimulatorError(
        graph.name,
        f"node {node_name(node)!r} needs the shape of {name!r}, which operator {source.op_type} of the "
        f"domain {source.domain} hides",
        "declare it in the file, or export with ONNX's operators",
    )


def _first_unknown(graph: OnnxGraph, name: str) -> NodeProto | None:
    """Find, upstream of a tensor of unknown shape, the node whose inputs have known shapes and whose output has not."""
    source = None
    while (producer := graph.producers.get(name)) is not None:
        source = producer
        unknown = [wanted for wanted in source.input if wanted and wanted not in graph.shapes]
        if not unknown:
            break
        name = unknown[0]
    return source


def old_opset_remedy(opset: int) -> str:
    """Return the remedy for a graph whose opset is too old for onnx's inference; empty if it is not."""
    if opset >= OLDEST_OPSET:
        return ""
    return f"raise its opset from {opset} with onnx.version_converter, or export it at {OLDEST_OPSET} or later"


def mismatch(graph: OnnxGraph, node: NodeProto, found: str) -> SimulatorError:
    """Return the error for a node whose tensors contradict each other."""
    return SimulatorError(graph.name, f"node {node_name(node)!r} does not fit its tensors ({found})", "export it again")


def nodes_with_branches(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Yield the nodes and those of their branches and loop bodies; protobuf itself limits the depth."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from nodes_with_branches(graph.node)
