"""What activations are alive while each node of a graph runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from onnx import NodeProto

from sqnxt_sim.frontend.onnx_graph import OnnxGraph, node_name, nodes_with_branches
from sqnxt_sim.frontend.onnx_operators import WITH_BRANCHES, operator
from sqnxt_sim.frontend.onnx_weights import tensor_bits
from sqnxt_sim.workload import LiveActivations


@dataclass(slots=True)
class _Storage:
    """A place that one tensor after another is kept in, each made of the one before by a folded node.

    `first` and `last` are the places in the order of execution of the nodes that write it first and read it last.
    """

    first: int
    last: int
    values: int
    bits: int | None

    @property
    def size(self) -> tuple[int, int]:
        """Floats, and bits of integers."""
        return (self.values, 0) if self.bits is None else (0, self.values * self.bits)

    def also_holds(self, values: int, bits: int | None) -> None:
        """One more tensor in the same place: large enough for the largest, at the smallest integer width."""
        self.values = max(self.values, values)
        if bits is not None:
            self.bits = bits if self.bits is None else min(self.bits, bits)


def live_activations(
    graph: OnnxGraph, folded: Sequence[bool], constants: frozenset[str]
) -> tuple[LiveActivations, ...]:
    """For each node that depends on the network's input: what it reads, what it writes, and what is read later.

    `folded` says for each node whether it vanishes into its neighbour. Such a node works in place: what it returns is
    kept where its first activation was, at the smaller of their integer widths, so that a float which is next quantised
    is never kept as a float. The network's outputs are kept to the end, its inputs until they are last read.

    Empty where the shape of an activation is not known.
    """
    activations = [
        (node, is_folded)
        for node, is_folded in zip(graph.nodes, folded, strict=True)
        if not all(name in constants for name in node.output)
    ]
    if not _shapes_are_known(graph, activations, constants):
        return ()
    storages = _storages(graph, activations, constants)
    begins: list[list[_Storage]] = [[] for _ in activations]
    ends: list[list[_Storage]] = [[] for _ in activations]
    for storage in storages:
        begins[storage.first].append(storage)
        ends[storage.last].append(storage)
    floats = bits = 0
    live = []
    for (node, _), begin, end in zip(activations, begins, ends, strict=True):
        floats += sum(storage.size[0] for storage in begin)
        bits += sum(storage.size[1] for storage in begin)
        live.append(LiveActivations(node=node_name(node), float_values=floats, integer_bits=bits))
        floats -= sum(storage.size[0] for storage in end)
        bits -= sum(storage.size[1] for storage in end)
    return tuple(live)


def _shapes_are_known(
    graph: OnnxGraph, activations: Sequence[tuple[NodeProto, bool]], constants: frozenset[str]
) -> bool:
    """Of every activation that matters; Dropout's mask and the like, which nobody reads, have none in old graphs."""
    shapes = graph.shapes
    return all(name in shapes for name in (*graph.inputs, *graph.outputs)) and all(
        node.output[0] in shapes and all(name in shapes or name in constants or not name for name in node.input)
        for node, _ in activations
    )


def _storages(
    graph: OnnxGraph, activations: Sequence[tuple[NodeProto, bool]], constants: frozenset[str]
) -> list[_Storage]:
    """Every place that is used at all, with its life and the size of the largest tensor in it."""
    kept = {
        name: _Storage(first=0, last=-1, values=prod(graph.shapes[name]), bits=tensor_bits(graph, name))
        for name in graph.inputs
    }
    storages = list(kept.values())
    for place, (node, is_folded) in enumerate(activations):
        reads = [kept[name] for name in _reads(node) if name in kept]
        for storage in reads:
            storage.last = place
        for index, name in enumerate(node.output):
            if name in constants or name not in graph.shapes:
                continue
            values, bits = prod(graph.shapes[name]), tensor_bits(graph, name)
            if is_folded and index == 0 and reads:
                kept[name] = reads[0]
                reads[0].also_holds(values, bits)
            else:
                kept[name] = _Storage(first=place, last=place, values=values, bits=bits)
                storages.append(kept[name])
    for name in graph.outputs:
        if name in kept:
            kept[name].last = len(activations) - 1
    return [storage for storage in storages if storage.last >= 0]


def _reads(node: NodeProto) -> Iterator[str]:
    """The tensors that a node reads, and those that its branches and loop bodies read of the outer graph."""
    yield from node.input
    # Looking into the attributes of every node takes as long as all the rest here.
    if operator(node) in ("", *WITH_BRANCHES):
        for inner in nodes_with_branches((node,)):
            yield from inner.input
