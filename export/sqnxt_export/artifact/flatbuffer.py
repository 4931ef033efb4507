"""A bounds-checked reader of flatbuffer tables, for metadata that may come from anyone."""

from __future__ import annotations

import struct

_MOST_ITEMS = 100_000


class FlatBuffer:
    """Little-endian tables that point to each other by relative offsets.

    A read outside the bytes raises struct.error, IndexError or ValueError. Each vector has at most 100,000 items.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.root = self.number("<I", 0)

    def number(self, code: str, position: int) -> int:
        """Return the number at a byte."""
        if position < 0:
            raise IndexError(f"offset {position} before the bytes")
        value: int = struct.unpack_from(code, self.data, position)[0]
        return value

    def slot(self, table: int, slot: int) -> int:
        """Return the position of a table's field, 0 if it is absent."""
        vtable = table - self.number("<i", table)
        entry = 4 + 2 * slot
        if entry + 2 > self.number("<H", vtable):
            return 0
        offset = self.number("<H", vtable + entry)
        return table + offset if offset else 0

    def scalar(self, table: int, slot: int, code: str) -> int:
        """Return a number of a table, 0 if it is absent."""
        position = self.slot(table, slot)
        return self.number(code, position) if position else 0

    def table(self, table: int, slot: int) -> int:
        """Return the position of a table that another one points to, 0 if it is absent."""
        position = self.slot(table, slot)
        return position + self.number("<I", position) if position else 0

    def vector(self, table: int, slot: int, size: int) -> tuple[int, int]:
        """Return the first byte and the number of items of a vector with items of `size` bytes; (0, 0) if absent."""
        position = self.table(table, slot)
        if not position:
            return 0, 0
        count = self.number("<I", position)
        if count > _MOST_ITEMS or position + 4 + count * size > len(self.data):
            raise IndexError(f"{count} items at byte {position} of {len(self.data)}")
        return position + 4, count

    def tables(self, table: int, slot: int) -> list[int]:
        """Return the positions of the tables of a vector."""
        start, count = self.vector(table, slot, 4)
        positions = [start + 4 * index for index in range(count)]
        return [position + self.number("<I", position) for position in positions]

    def floats(self, table: int, slot: int) -> tuple[float, ...]:
        """Return a vector of float32."""
        start, count = self.vector(table, slot, 4)
        return struct.unpack_from(f"<{count}f", self.data, start)

    def integers(self, table: int, slot: int) -> tuple[int, ...]:
        """Return a vector of int32."""
        start, count = self.vector(table, slot, 4)
        return struct.unpack_from(f"<{count}i", self.data, start)

    def text(self, table: int, slot: int) -> str:
        """Return a string, empty if it is absent."""
        start, count = self.vector(table, slot, 1)
        return self.data[start : start + count].decode()

    def bytes(self, table: int, slot: int) -> bytes:
        """Return a vector of bytes of any length, empty if it is absent."""
        position = self.table(table, slot)
        if not position:
            return b""
        count = self.number("<I", position)
        if position + 4 + count > len(self.data):
            raise IndexError(f"{count} bytes at byte {position} of {len(self.data)}")
        return self.data[position + 4 : position + 4 + count]
