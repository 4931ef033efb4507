"""A bounds-checked reader of flatbuffers: little-endian tables that point to each other by relative offsets.

A table begins with the distance to its vtable, a list of 16-bit offsets, one a field; an offset of 0 means that the
field is absent. Fields are named here by their number in the schema, their slot.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FAULTS = (struct.error, IndexError, ValueError, UnicodeDecodeError)
"""Exceptions of a read outside the file, or of a file whose parts contradict each other."""

_SPARE_ITEMS = 1000
_OVERLAP = 4
"""How often one byte may be read on average. Parts may be shared: converters write equal ones once."""
_TABLE_ITEMS = 3
"""What the visit of a table costs beside its entry in a vector: its fields are read one by one."""


class Flatbuffer:
    """A file's bytes. A read outside them raises one of `FAULTS`.

    Offsets may point to the same bytes any number of times, so a small file could describe endless tables. All vectors
    together may therefore have no more items than `_OVERLAP` times what the file has room for.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._items_left = _OVERLAP * len(data) // 4 + _SPARE_ITEMS
        self.root = Table(self, self.number("<I", 0))

    def number(self, code: str, position: int) -> int:
        """Return the number at a position, read as the `struct` module's `code` says."""
        if position < 0:
            raise IndexError(f"offset {position} before the file")
        value: int = struct.unpack_from(code, self.data, position)[0]
        return value

    def spend(self, items: int) -> None:
        """Count items of 4 bytes that are read one by one."""
        self._items_left -= items
        if self._items_left < 0:
            raise ValueError("its parts overlap")


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a flatbuffer, by the offset of its first byte."""

    file: Flatbuffer
    position: int

    def field(self, slot: int) -> int:
        """Return the position of a field, 0 if it is absent."""
        vtable = self.position - self.file.number("<i", self.position)
        entry = 4 + 2 * slot
        if entry + 2 > self.file.number("<H", vtable):
            return 0
        offset = self.file.number("<H", vtable + entry)
        return self.position + offset if offset else 0

    def scalar(self, slot: int, code: str, default: int = 0) -> int:
        """Return a number that is stored in the table, or the schema's default."""
        position = self.field(slot)
        return self.file.number(code, position) if position else default

    def integer(self, slot: int, default: int = 0) -> int:
        """Return a 32-bit integer."""
        return self.scalar(slot, "<i", default)

    def flag(self, slot: int) -> bool:
        """Return a truth value; false is the default."""
        return self.scalar(slot, "<b") != 0

    def table(self, slot: int) -> Table | None:
        """Return a table that this one points to; None if it is absent."""
        position = self.field(slot)
        if not position:
            return None
        self.file.spend(_TABLE_ITEMS)
        return Table(self.file, position + self.file.number("<I", position))

    def tables(self, slot: int) -> list[Table]:
        """Return a vector of tables; the same table may stand in it more than once."""
        start, count = self._items(slot, 4)
        self.file.spend(_TABLE_ITEMS * count)
        places = range(start, start + 4 * count, 4)
        return [Table(self.file, place + self.file.number("<I", place)) for place in places]

    def numbers(self, slot: int, code: str) -> NDArray[np.generic]:
        """Return a vector of numbers of NumPy's type `code`, without a copy."""
        kind = np.dtype(code)
        start, count = self._items(slot, kind.itemsize)
        return np.frombuffer(self.file.data, kind, count, start)

    def integers(self, slot: int) -> tuple[int, ...]:
        """Return a vector of 32-bit integers."""
        start, count = self._items(slot, 4)
        return struct.unpack_from(f"<{count}i", self.file.data, start)

    def text(self, slot: int) -> str:
        """Return a string."""
        start, count = self._items(slot, 1)
        return self.file.data[start : start + count].decode("utf-8", "surrogateescape")

    def vector(self, slot: int, size: int) -> tuple[int, int]:
        """Return the first byte and the number of items of a vector with items of `size` bytes; (0, 0) if absent."""
        position = self.field(slot)
        if not position:
            return 0, 0
        position += self.file.number("<I", position)
        count = self.file.number("<I", position)
        if position + 4 + count * size > len(self.file.data):
            raise IndexError(f"{count} items at byte {position} of {len(self.file.data)}")
        return position + 4, count

    def _items(self, slot: int, size: int) -> tuple[int, int]:
        """Return the same as `vector`, and count the items, for vectors whose items are read one by one."""
        start, count = self.vector(slot, size)
        self.file.spend((count * size + 3) // 4)
        return start, count
