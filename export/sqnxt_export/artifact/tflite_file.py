"""A bounds-checked reader of .tflite files, which refuses damaged files before LiteRT sees them, and counts weights.

A .tflite file is a flatbuffer: little-endian tables that point to each other by relative offsets. Only the fields below
are read, each by its slot in TensorFlow Lite's schema (`schema.fbs`, version 3).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.errors import ExportError

_IDENTIFIER = b"TFL3"
_MAX_BYTES = 2 << 30
_MAX_TENSOR_BYTES = 1 << 31
_MAX_TENSOR_SUM = 16 << 30
_MAX_RANK = 8
_SPARE_ITEMS = 1000

# Slots of the schema's tables.
_MODEL_SUBGRAPHS, _MODEL_BUFFERS = 2, 4
_SUBGRAPH_TENSORS, _SUBGRAPH_INPUTS, _SUBGRAPH_OUTPUTS, _SUBGRAPH_OPERATORS = 0, 1, 2, 3
_OPERATOR_INPUTS, _OPERATOR_OUTPUTS = 1, 2
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_BUFFER, _TENSOR_NAME, _TENSOR_QUANTIZATION = 0, 1, 2, 3, 4
_QUANTIZATION_SCALE, _QUANTIZATION_ZERO_POINT = 2, 3
_BUFFER_DATA, _BUFFER_OFFSET, _BUFFER_SIZE = 0, 1, 2

_TYPES = {0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 7: "int16", 9: "int8"}
_SCALED = ("int8", "int16")
"""Types that need a scale; LiteRT ends the process if the scale is missing or not a number."""
_TYPE_SIZES = {name: np.dtype(name).itemsize for name in _TYPES.values()}


@dataclass(frozen=True, slots=True)
class TfliteTensor:
    """One tensor of a .tflite file.

    Attributes:
        name: Its name.
        shape: Its shape.
        type: Its number type; empty for rare types.
        data: Its values if it is constant, else empty.
        offset: Offset of `data` in the file.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    data: memoryview
    offset: int

    def array(self) -> NDArray[np.generic]:
        """Return the constant's values in its shape.

        Raises:
            ExportError: The number of bytes does not match the shape.
        """
        if not self.type or len(self.data) != math.prod(self.shape) * _TYPE_SIZES[self.type]:
            raise ExportError(f"tensor {self.name[:80]!r}", "its bytes do not fit its shape", "export the file again")
        return np.frombuffer(self.data, np.dtype(self.type).newbyteorder("<")).reshape(self.shape)


def read_tflite(path: Path) -> list[TfliteTensor]:
    """Read the tensors of all subgraphs, and check every offset and index on the way.

    Raises:
        ExportError: The file is not a .tflite file, is cut short, or is inconsistent.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise ExportError(path, "larger than 2 GiB, which no .tflite file can be", "give another file")
    data = path.read_bytes()
    if data[4:8] != _IDENTIFIER:
        raise ExportError(path, "not a .tflite file (no TFL3 mark in its first bytes)", "export it again")
    try:
        return _tensors(_Reader(data))
    except (struct.error, IndexError, ValueError, UnicodeDecodeError) as error:
        raise ExportError(path, f"cut short or damaged ({error})", "copy or export it again") from error


class _Reader:
    """A reader of flatbuffer primitives; a read outside the file raises struct.error, IndexError or ValueError.

    Offsets may point to the same bytes any number of times, so a small file could describe endless tables. All vectors
    together may therefore have no more items than the file has room for, which they have if none of them overlap.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.items_left = len(data) // 4 + _SPARE_ITEMS
        self.root = self.number("<I", 0)

    def number(self, code: str, position: int) -> int:
        if position < 0:
            raise IndexError(f"offset {position} before the file")
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
        position = self.slot(table, slot)
        return self.number(code, position) if position else 0

    def vector(self, table: int, slot: int, size: int) -> tuple[int, int]:
        """Return the first byte and the number of items of a vector with items of `size` bytes; (0, 0) if absent."""
        position = self.slot(table, slot)
        if not position:
            return 0, 0
        position += self.number("<I", position)
        count = self.number("<I", position)
        if position + 4 + count * size > len(self.data):
            raise IndexError(f"{count} items at byte {position} of {len(self.data)}")
        return position + 4, count

    def items(self, table: int, slot: int, size: int) -> tuple[int, int]:
        """Return the same as `vector`, and count the items, for vectors whose items are read one by one."""
        start, count = self.vector(table, slot, size)
        self.items_left -= (count * size + 3) // 4
        if self.items_left < 0:
            raise ValueError("its parts overlap")
        return start, count

    def tables(self, table: int, slot: int) -> list[int]:
        start, count = self.items(table, slot, 4)
        positions = [start + 4 * index for index in range(count)]
        tables = [position + self.number("<I", position) for position in positions]
        if len(set(tables)) != count:  # no converter lists a table twice
            raise ValueError("a table is listed twice")
        return tables

    def integers(self, table: int, slot: int) -> tuple[int, ...]:
        start, count = self.items(table, slot, 4)
        return struct.unpack_from(f"<{count}i", self.data, start)

    def text(self, table: int, slot: int) -> str:
        start, count = self.items(table, slot, 1)
        return self.data[start : start + count].decode()


def _tensors(reader: _Reader) -> list[TfliteTensor]:
    buffers = [_buffer(reader, table) for table in reader.tables(reader.root, _MODEL_BUFFERS)]
    subgraphs = reader.tables(reader.root, _MODEL_SUBGRAPHS)
    if not subgraphs:
        raise ValueError("no graph inside")
    result = []
    for subgraph in subgraphs:
        tensors = [_tensor(reader, table, buffers) for table in reader.tables(subgraph, _SUBGRAPH_TENSORS)]
        _check_indices(reader, subgraph, len(tensors))
        result += tensors
    _check_sizes(result)
    return result


def _check_sizes(tensors: list[TfliteTensor]) -> None:
    """Refuse tensors that together fit in no memory. Several constants may be the same bytes, within limits."""
    if sum(math.prod(tensor.shape) * _TYPE_SIZES.get(tensor.type, 8) for tensor in tensors) > _MAX_TENSOR_SUM:
        raise ValueError(f"tensors of more than {_MAX_TENSOR_SUM} bytes")
    if sum(len(tensor.data) for tensor in tensors) > _MAX_BYTES:
        raise ValueError(f"constants of more than {_MAX_BYTES} bytes")


def _buffer(reader: _Reader, table: int) -> tuple[memoryview, int]:
    """Return the bytes of a buffer, and their offset in the file."""
    start, count = reader.vector(table, _BUFFER_DATA, 1)
    offset = reader.scalar(table, _BUFFER_OFFSET, "<Q")
    if offset > 1:  # large models keep the bytes behind the flatbuffer
        start, count = offset, reader.scalar(table, _BUFFER_SIZE, "<Q")
    if start + count > len(reader.data):
        raise IndexError(f"buffer of {count} bytes at byte {start} of {len(reader.data)}")
    return memoryview(reader.data)[start : start + count], start


def _tensor(reader: _Reader, table: int, buffers: list[tuple[memoryview, int]]) -> TfliteTensor:
    shape = reader.integers(table, _TENSOR_SHAPE)
    kind = _TYPES.get(reader.scalar(table, _TENSOR_TYPE, "<b"), "")
    if (
        len(shape) > _MAX_RANK
        or min(shape, default=0) < 0
        or math.prod(shape) * _TYPE_SIZES.get(kind, 8) > _MAX_TENSOR_BYTES
    ):
        raise ValueError(f"a tensor of shape {list(shape)[:8]}")
    _check_scales(reader, table, kind)
    name = reader.text(table, _TENSOR_NAME)
    data, offset = buffers[reader.scalar(table, _TENSOR_BUFFER, "<I")] if buffers else (memoryview(b""), 0)
    return TfliteTensor(name, shape, kind, data, offset)


def _check_scales(reader: _Reader, tensor: int, kind: str) -> None:
    """Refuse scales that are not positive numbers with one zero point each."""
    position = reader.slot(tensor, _TENSOR_QUANTIZATION)
    scales: tuple[float, ...] = ()
    if position:
        table = position + reader.number("<I", position)
        start, count = reader.items(table, _QUANTIZATION_SCALE, 4)
        scales = struct.unpack_from(f"<{count}f", reader.data, start)
        _, zero_points = reader.items(table, _QUANTIZATION_ZERO_POINT, 8)
        if zero_points != count:
            raise ValueError(f"{count} scales and {zero_points} zero points")
    if (kind in _SCALED and not scales) or not all(0 < scale < math.inf for scale in scales):
        raise ValueError(
            f"an {kind or 'integer'} tensor with the scales {list(scales[:4])}, which ends LiteRT's process"
        )


def _check_indices(reader: _Reader, subgraph: int, tensors: int) -> None:
    """Refuse indices of tensors that do not exist; -1 is TensorFlow Lite's mark of an absent input."""
    lists = [reader.integers(subgraph, slot) for slot in (_SUBGRAPH_INPUTS, _SUBGRAPH_OUTPUTS)]
    for operator in reader.tables(subgraph, _SUBGRAPH_OPERATORS):
        lists += [reader.integers(operator, slot) for slot in (_OPERATOR_INPUTS, _OPERATOR_OUTPUTS)]
    for indices in lists:
        for index in indices:
            if not -1 <= index < tensors:
                raise ValueError(f"tensor {index} of {tensors}")
