"""Sparse tensors of .tflite files, which store only the blocks that are not zero, as dense arrays.

The dimensions are walked in a stored order; those of a block come last. Each is DENSE, with all of its indices, or
SPARSE_CSR, with a list of indices for each entry of the dimension before it. The values stand in the order of the walk.

Example: [[0, 5], [0, 0]] walked as rows (DENSE, 2) and columns (SPARSE_CSR) has the segments [0, 1, 1], that is, one
entry in row 0 and none in row 1; the indices [1]; and the values [5].

Source: "SparsityParameters" in TensorFlow Lite's schema.fbs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_sim.frontend.tflite_flatbuffer import Table
from sqnxt_sim.frontend.tflite_schema import Slot

MAX_VALUES = 2**28
"""A file of a few bytes may declare a sparse tensor of any size. No convolution has this many weights."""

_VECTORS = {1: "<i4", 2: "<u2", 3: "u1"}
"""NumPy's type of a union's vector of numbers, by the union's number."""
_CSR = 1


@dataclass(frozen=True, slots=True)
class _Dimension:
    """One dimension of the walk: its size if it is DENSE, else its segments and indices."""

    size: int
    segments: NDArray[np.int64] | None = None
    indices: NDArray[np.int64] | None = None

    def step(self, entries: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return, for each entry of this dimension, the entry of the one before it and its index in this dimension."""
        if self.segments is None or self.indices is None:
            return np.repeat(np.arange(entries), self.size), np.tile(np.arange(self.size), entries)
        lengths = np.diff(self.segments)
        if len(lengths) != entries or self.segments[0] != 0 or (lengths < 0).any():
            raise ValueError(f"segments of {len(lengths)} entries where there are {entries}")
        if self.segments[-1] != len(self.indices):
            raise ValueError(f"{len(self.indices)} indices in segments for {self.segments[-1]}")
        return np.repeat(np.arange(entries), lengths), self.indices


def dense_values(stored: NDArray[Any], shape: tuple[int, ...], sparsity: Table) -> NDArray[Any]:
    """Return the dense array of a sparse tensor.

    Args:
        stored: The stored values, in one dimension.
        shape: Shape of the tensor.
        sparsity: Its `SparsityParameters`.

    Raises:
        ValueError: The parameters contradict each other or the shape, or the tensor is too large.
    """
    if prod(shape) > MAX_VALUES:
        raise ValueError("a sparse tensor that is too large")
    order, blocked = sparsity.integers(Slot.SPARSITY_ORDER), sparsity.integers(Slot.SPARSITY_BLOCKS)
    dimensions = [_dimension(table) for table in sparsity.tables(Slot.SPARSITY_DIMENSIONS)]
    rank = len(shape)
    if sorted(order) != list(range(rank + len(blocked))) or len(dimensions) != len(order):
        raise ValueError(f"a sparse tensor of rank {rank} that is walked as {list(order)[:8]}")
    if any(not 0 <= axis < rank for axis in blocked) or len(set(blocked)) != len(blocked):
        raise ValueError(f"a sparse tensor with blocks along {list(blocked)[:8]}")
    sizes = {axis: dimensions[order.index(rank + number)].size for number, axis in enumerate(blocked)}
    # Every entry ends in a stored value or in a stored segment, so that a walk in memory is no longer than the file.
    longest = max(len(stored), *(0 if d.segments is None else len(d.segments) for d in dimensions))
    places, walked = np.zeros((rank, 1), np.int64), 1
    for axis, dimension in zip(order, dimensions, strict=True):
        if dimension.segments is None and walked * dimension.size > longest:
            raise ValueError(f"a sparse tensor with {len(stored)} values where {walked * dimension.size} belong")
        before, index = dimension.step(walked)
        places, walked = places[:, before], len(index)
        if axis < rank:
            places[axis] += index * sizes.get(axis, 1)
        else:
            places[blocked[axis - rank]] += index
    if walked != len(stored) or any(((row < 0) | (row >= size)).any() for row, size in zip(places, shape, strict=True)):
        raise ValueError(f"a sparse tensor with {len(stored)} values where {walked} belong")
    dense = np.zeros(shape, stored.dtype)
    dense[tuple(places)] = stored
    return dense


def _dimension(table: Table) -> _Dimension:
    if table.scalar(Slot.DIMENSION_FORMAT, "<b") != _CSR:
        size = table.integer(Slot.DIMENSION_SIZE)
        if size < 0:
            raise ValueError(f"a dimension of size {size}")
        return _Dimension(size)
    segments = _vector(table, Slot.SEGMENTS_TYPE, Slot.SEGMENTS)
    indices = _vector(table, Slot.INDICES_TYPE, Slot.INDICES)
    if not len(segments):
        raise ValueError("a sparse dimension without segments")
    return _Dimension(0, segments, indices)


def _vector(table: Table, type_slot: int, slot: int) -> NDArray[np.int64]:
    holder, kind = table.table(slot), table.scalar(type_slot, "<b")
    if holder is None or kind not in _VECTORS:
        raise ValueError(f"a sparse dimension of kind {kind}")
    return np.asarray(holder.numbers(0, _VECTORS[kind]), np.int64)
