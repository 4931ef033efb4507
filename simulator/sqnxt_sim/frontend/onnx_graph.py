"""A checked ONNX graph, and what every reader of it asks: names, attributes, shapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from onnx import AttributeProto, NodeProto, SparseTensorProto, TensorProto

from sqnxt_sim.errors import SimulatorError

# Before it, broadcasting and much else meant something else; onnx infers little of what those operators return.
_OLDEST_OPSET = 7

Attributes = dict[str, AttributeProto]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxGraph:
    """A checked graph in execution order; `shapes` and `element_types` by tensor name, where they are known.

    A shape is a tuple of positive integers, or absent where onnx could not infer all of it.
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
    """The node's name, or its first output's where it has none."""
    return node.name or next(iter(node.output), "") or node.op_type


def attributes(node: NodeProto) -> Attributes:
    """A node's attributes by name."""
    return {attribute.name: attribute for attribute in node.attribute}


def integer(given: Attributes, name: str, default: int) -> int:
    """An integer attribute, or its default."""
    return given[name].i if name in given else default


def integers(given: Attributes, name: str) -> list[int] | None:
    """A list attribute, or None where it is absent."""
    return list(given[name].ints) if name in given else None


def text(given: Attributes, name: str, default: str) -> str:
    """A string attribute, or its default."""
    return given[name].s.decode() if name in given else default


def known_shape(graph: OnnxGraph, node: NodeProto, name: str) -> tuple[int, ...]:
    """The shape of a tensor that `node` reads or writes.

    Raises:
        SimulatorError: It is not known, because an operator before has an unknown one or depends on values.
    """
    if name in graph.shapes:
        return graph.shapes[name]
    source = _first_unknown(graph, name)
    if source is None or source.domain in ("", "ai.onnx"):
        remedy = old_opset_remedy(graph.opset) or "export it with static shapes"
        raise SimulatorError(graph.name, f"node {node_name(node)!r} has a dynamic shape at {name!r}", str(remedy))
    raise SimulatorError(
        graph.name,
        f"node {node_name(node)!r} needs the shape of {name!r}, which operator {source.op_type} of the "
        f"domain {source.domain} hides",
        "declare it in the file, or export with ONNX's operators",
    )


def _first_unknown(graph: OnnxGraph, name: str) -> NodeProto | None:
    """Upstream of a tensor of unknown shape, the node that knows its inputs' shapes and not its output's."""
    source = None
    while (producer := graph.producers.get(name)) is not None:
        source = producer
        unknown = [wanted for wanted in source.input if wanted and wanted not in graph.shapes]
        if not unknown:
            break
        name = unknown[0]
    return source


def old_opset_remedy(opset: int) -> str:
    """What to do about a graph that is older than onnx follows well; empty where it is not."""
    if opset >= _OLDEST_OPSET:
        return ""
    return f"raise its opset from {opset} with onnx.version_converter, or export it at {_OLDEST_OPSET} or later"


def mismatch(graph: OnnxGraph, node: NodeProto, found: str) -> SimulatorError:
    """The error for a node whose tensors contradict each other."""
    return SimulatorError(graph.name, f"node {node_name(node)!r} does not fit its tensors ({found})", "export it again")


def nodes_with_branches(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """The nodes and those of their branches and loop bodies; protobuf itself bounds the depth."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from nodes_with_branches(graph.node)
