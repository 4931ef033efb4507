"""Activations that are alive while each node of a graph runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from onnx import NodeProto

from sqnxt_sim.frontend.onnx_graph import OnnxGraph, node_name, nodes_with_branches
from sqnxt_sim.frontend.onnx_operators import VIEWS, WITH_BRANCHES, operator
from sqnxt_sim.frontend.onnx_zeros import tensor_bits
from sqnxt_sim.workload import LiveActivations

# Their outputs are their inputs under another name: a DequantizeLinear's integers are kept as they are.
_SHARING = VIEWS | {"DequantizeLinear"}


@dataclass(slots=True)
class _Storage:
    """Memory that holds one tensor after another: each is computed from the one before, in place, by a folded node.

    `first`, `last` and `needed` are indices in execution order: of the node that first writes it, of the last node that
    reads it, and of the last node that reads what it holds now.
    """

    first: int
    last: int
    needed: int
    values: int
    bits: int | None

    @property
    def size(self) -> tuple[int, int]:
        """Number of floats, and number of bits of integers."""
        return (self.values, 0) if self.bits is None else (0, self.values * self.bits)

    def also_holds(self, values: int, bits: int | None) -> None:
        """Add a tensor to the same memory: it has room for the largest tensor, at the smallest integer width of all."""
        self.values = max(self.values, values)
        if bits is not None:
            self.bits = bits if self.bits is None else min(self.bits, bits)


def live_activations(
    graph: OnnxGraph, folded: Sequence[bool], constants: frozenset[str]
) -> tuple[LiveActivations, ...]:
    """Return, for each node that depends on the network's input, what it reads and writes and what is read later.

    `folded` tells for each node whether it merges into its neighbour. Such a node works in place unless its input is
    read again later: its output takes the memory of its first input, at the smaller of their integer widths, so that a
    float which is quantised next is never kept as a float. What only renames its input always shares its memory. The
    network's outputs are kept to the end, and its inputs until they are last read.

    Example: in conv -> relu -> add(relu, input) the relu is folded. While conv runs, its input and output are alive.
    While add runs, the memory of conv and relu (one tensor), the input and the output of add are alive. In
    conv -> sigmoid -> mul(sigmoid, conv) the sigmoid needs memory of its own, because mul reads its input again.

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
    """Tell whether all activations in use have a shape; unread outputs (Dropout's mask) have none in old graphs."""
    shapes = graph.shapes
    return all(name in shapes for name in (*graph.inputs, *graph.outputs)) and all(
        node.output[0] in shapes and all(name in shapes or name in constants or not name for name in node.input)
        for node, _ in activations
    )


def _storages(
    graph: OnnxGraph, activations: Sequence[tuple[NodeProto, bool]], constants: frozenset[str]
) -> list[_Storage]:
    """Return all memory that is read at some point, with its lifetime and the size of the largest tensor in it."""
    read_last = _last_reads(graph, activations)
    kept = {
        name: _Storage(
            first=0,
            last=-1,
            needed=read_last.get(name, -1),
            values=prod(graph.shapes[name]),
            bits=tensor_bits(graph, name),
        )
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
            values, bits, needed = prod(graph.shapes[name]), tensor_bits(graph, name), read_last.get(name, place)
            is_view = operator(node) in _SHARING
            if is_folded and index == 0 and reads and (is_view or reads[0].needed <= place):
                kept[name] = reads[0]
                reads[0].also_holds(values, bits)
                reads[0].needed = max(reads[0].needed, needed) if is_view else needed
            else:
                kept[name] = _Storage(first=place, last=place, needed=needed, values=values, bits=bits)
                storages.append(kept[name])
    for name in graph.outputs:
        if name in kept:
            kept[name].last = len(activations) - 1
    return [storage for storage in storages if storage.last >= 0]


def _last_reads(graph: OnnxGraph, activations: Sequence[tuple[NodeProto, bool]]) -> dict[str, int]:
    """Return the index of the last node that reads each tensor; an output of the graph is read after the last one."""
    last = {name: place for place, (node, _) in enumerate(activations) for name in _reads(node)}
    return last | dict.fromkeys(graph.outputs, len(activations))


def _reads(node: NodeProto) -> Iterator[str]:
    """Yield the tensors that a node reads, and those of the outer graph that its branches and loop bodies read."""
    yield from node.input
    # Only these operators, and perhaps unknown ones, have branches. Searching every node would double the time.
    if operator(node) in ("", *WITH_BRANCHES):
        for inner in nodes_with_branches((node,)):
            yield from inner.input
