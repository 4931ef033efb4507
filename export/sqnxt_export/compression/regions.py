"""Where in its file an artifact keeps its constant tensors.

A container holds the artifact's bytes with these regions taken out, and puts them back: no other byte is understood or
written anew, so what is restored is the artifact itself, and restoring it needs neither ONNX nor TFLite.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export.artifact.files import format_of
from sqnxt_export.artifact.onnx_file import read_onnx
from sqnxt_export.artifact.tflite_file import read_tflite
from sqnxt_export.errors import ExportError

_SMALLEST = 256
"""Smallest number of elements. Smaller tensors, mostly biases and scales, need more bytes of tables than they save."""
_ONNX_TYPES = {
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.FLOAT16: "float16",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.UINT8: "uint8",
    onnx.TensorProto.INT16: "int16",
    onnx.TensorProto.UINT16: "uint16",
    onnx.TensorProto.INT32: "int32",
}
_TFLITE_TYPES = ("float32", "float16", "int8", "uint8", "int16", "int32")


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """The bytes of one constant tensor: `count` little-endian elements of `type`, from byte `offset` of the file."""

    name: str
    type: str
    offset: int
    count: int

    @property
    def width(self) -> int:
        """Size of an element in bytes: 1, 2 or 4."""
        return np.dtype(self.type).itemsize

    @property
    def end(self) -> int:
        """Offset of the first byte behind the tensor."""
        return self.offset + self.count * self.width

    def words(self, data: bytes) -> NDArray[np.uint32]:
        """Return the bit patterns of the elements, read from the file's bytes."""
        stored = np.frombuffer(data, np.dtype(f"<u{self.width}"), self.count, self.offset)
        return stored.astype(np.uint32)

    def zeros(self, words: NDArray[np.uint32]) -> int:
        """Count the words that are zero or minus zero."""
        if self.type.startswith("float"):
            words = words & np.uint32((1 << (8 * self.width - 1)) - 1)
        return int(words.size - np.count_nonzero(words))


def find_regions(path: Path, data: bytes) -> list[Region]:
    """Find the constant tensors of an .onnx or .tflite file that are worth coding, in the file's order.

    No two of them overlap.

    Args:
        path: The artifact.
        data: Its bytes.

    Raises:
        ExportError: The file is of another kind, or damaged.
    """
    regions: list[Region] = []
    for region in constant_tensors(path, data):
        if region.count >= _SMALLEST and (not regions or region.offset >= regions[-1].end):
            regions.append(region)
    return regions


def constant_tensors(path: Path, data: bytes) -> list[Region]:
    """Return all constant tensors of an .onnx or .tflite file whose elements are plain numbers, in the file's order.

    Raises:
        ExportError: The file is of another kind, or damaged.
    """
    kind = format_of(path)
    if kind == "keras":
        raise ExportError(path, "is a model, not an artifact", "export it to ONNX or TFLite first")
    return sorted((_onnx if kind == "onnx" else _tflite)(path, data), key=lambda region: region.offset)


def _onnx(path: Path, data: bytes) -> Iterator[Region]:
    """Find each initializer behind the one before, since they are stored in the order in which they are read."""
    position = 0
    for tensor in read_onnx(path).graph.initializer:
        kind = _ONNX_TYPES.get(tensor.data_type)
        raw = tensor.raw_data
        if kind is None or not raw or len(raw) % np.dtype(kind).itemsize:
            continue
        offset = data.find(raw, position)
        if offset >= 0:
            position = offset + len(raw)
            yield Region(name=tensor.name, type=kind, offset=offset, count=len(raw) // np.dtype(kind).itemsize)


def _tflite(path: Path, data: bytes) -> Iterator[Region]:
    for tensor in read_tflite(path).tensors:
        kind = tensor.kind.name
        if kind in _TFLITE_TYPES and len(tensor.data):
            width = np.dtype(kind).itemsize
            yield Region(name=tensor.name, type=kind, offset=tensor.offset, count=len(tensor.data) // width)
