"""Activations that are alive while each node of a graph runs, whatever the format of its file."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqnxt_sim.workload import LiveActivations


class TensorSize(NamedTuple):
    """A tensor's number of values, and the width of integers; None for floats."""

    values: int
    bits: int | None = None


class Step(NamedTuple):
    """One node that depends on the network's input: its name, and the tensors that it reads and writes.

    A node that merges into its neighbour (`is_folded`) works in place. One that only renames or reshapes (`is_view`)
    writes nothing.
    """

    name: str
    reads: Sequence[Hashable]
    writes: Sequence[Hashable]
    is_folded: bool = False
    is_view: bool = False


@dataclass(slots=True)
class _Storage:
    """Memory that holds one tensor after another: each is computed from the one before, in place, by a folded node.

    `first` and `last` are places in execution order: of the node that first writes it, and of the last node that reads
    it. `names` are those of the tensor that it holds now.
    """

    first: int
    last: int
    values: int
    bits: int | None
    names: list[Hashable]

    @classmethod
    def of(cls, name: Hashable, size: TensorSize, *, first: int, last: int) -> _Storage:
        """Return memory for one tensor."""
        return cls(first=first, last=last, values=size.values, bits=size.bits, names=[name])

    @property
    def size(self) -> tuple[int, int]:
        """Number of floats, and number of bits of integers."""
        return (self.values, 0) if self.bits is None else (0, self.values * self.bits)

    def also_holds(self, name: Hashable, size: TensorSize, *, is_view: bool) -> None:
        """Add a tensor to the same memory: it has room for the largest tensor, at the smallest integer width of all.

        A view is another name of what the memory holds; any other tensor takes the place of that.
        """
        if not is_view:
            self.names = []
        self.names.append(name)
        self.values = max(self.values, size.values)
        if size.bits is not None:
            self.bits = size.bits if self.bits is None else min(self.bits, size.bits)


def live_activations(
    steps: Sequence[Step],
    sizes: Mapping[Any, TensorSize],
    *,
    inputs: Iterable[Hashable],
    outputs: Iterable[Hashable],
) -> tuple[LiveActivations, ...]:
    """Return, for each step, what it reads and writes and what is read later.

    A folded step works in place: its first output takes the memory of its first input, at the smaller of their integer
    widths, so that a float which is quantised next is never kept as a float. Its input cannot be overwritten if it is
    read again later. The network's outputs are kept to the end, and its inputs until they are last read.

    Args:
        steps: The nodes in execution order.
        sizes: Tensors that take memory while the network runs; others are constants, or nothing reads them.
        inputs: The network's inputs.
        outputs: The network's outputs.

    Example: in conv -> relu -> add(relu, input) the relu is folded. While conv runs, its input and output are alive.
    While add runs, the memory of conv and relu (one tensor), the input and the output of add are alive.
    """
    storages = _storages(steps, sizes, list(inputs), set(outputs))
    begins: list[list[_Storage]] = [[] for _ in steps]
    ends: list[list[_Storage]] = [[] for _ in steps]
    for storage in storages:
        begins[storage.first].append(storage)
        ends[storage.last].append(storage)
    floats = bits = 0
    live = []
    for step, begin, end in zip(steps, begins, ends, strict=True):
        floats += sum(storage.size[0] for storage in begin)
        bits += sum(storage.size[1] for storage in begin)
        live.append(LiveActivations(node=step.name, float_values=floats, integer_bits=bits))
        floats -= sum(storage.size[0] for storage in end)
        bits -= sum(storage.size[1] for storage in end)
    return tuple(live)


def _storages(
    steps: Sequence[Step], sizes: Mapping[Any, TensorSize], inputs: list[Hashable], outputs: set[Hashable]
) -> list[_Storage]:
    """Return all memory that is read at some point, with its lifetime and the size of the largest tensor in it."""
    last_read = {name: place for place, step in enumerate(steps) for name in step.reads}
    last_read.update(dict.fromkeys(outputs, len(steps)))
    kept = {name: _Storage.of(name, sizes[name], first=0, last=-1) for name in inputs if name in sizes}
    storages = list(kept.values())
    for place, step in enumerate(steps):
        reads = [kept[name] for name in step.reads if name in kept]
        for storage in reads:
            storage.last = place
        writes = [name for name in step.writes if name in sizes]
        if reads and writes and writes[0] == step.writes[0] and _is_in_place(step, place, reads[0], last_read):
            name, *writes = writes
            kept[name] = reads[0]
            reads[0].also_holds(name, sizes[name], is_view=step.is_view)
        fresh = {name: _Storage.of(name, sizes[name], first=place, last=place) for name in writes}
        kept.update(fresh)
        storages += fresh.values()
    for name in outputs & kept.keys():
        kept[name].last = len(steps) - 1
    return [storage for storage in storages if storage.last >= 0]


def _is_in_place(step: Step, place: int, storage: _Storage, last_read: Mapping[Hashable, int]) -> bool:
    """Tell whether a step leaves its result where its first input is, which nothing may read as it was any more."""
    return step.is_view or (step.is_folded and all(last_read.get(name, -1) <= place for name in storage.names))
