"""The container, `.sqz`: a header, three compressed sections, and the words of the entropy coder. Little-endian.

| part | content |
|---|---|
| header | `_HEADER` below; the SHA-256 is that of the artifact |
| tables | LZMA2: per tensor bytes of the rest before it, count, symbols, width, flags; then all frequency codes |
| codebooks | LZMA2: the upper bits of every symbol's word, as differences, each of their four bytes in its own plane |
| rest | LZMA2: the artifact without its coded tensors, that is graph, biases, metadata |
| words | the stack of `rans`: per tensor, and `CHUNK` elements at a time, symbols, then low bits |

Every size that a file states is checked before memory is allocated: against limits, against the file's size, and
against the other sizes. The suffix is not in use elsewhere: three archivers of the DOS era wrote .sqz files, which
begin with other bytes.
"""

from __future__ import annotations

import lzma
import struct
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.user_files import naming
from sqnxt_export.compression.coded_tensors import (
    ROW_BYTES,
    CodedTensor,
    decode_tensors,
    encode_codebooks,
    encode_tables,
    expand,
    squeeze,
)
from sqnxt_export.errors import ExportError, one_line

SUFFIX = ".sqz"
CHUNK = 1 << 18
"""Number of elements that are coded at a time."""
_VERSION = 1
_FORMATS = ("", "onnx", "tflite")
"""The format of the artifact by its number in the header."""
MAX_TABLES = 1 << 20
"""Largest size of the tables in bytes."""
_MAGIC = b"\x89SQZ\r\n\x1a\n"
"""First bytes, chosen as in PNG so that a transfer in text mode damages them."""
_HEADER = struct.Struct("<8sHBxIQ32sIIIII")
_MAX_ARTIFACT = 2 << 30
_LARGEST_RATIO, _SPARE = 2000, 1 << 20
"""Largest ratio of artifact to container, beyond a few spare bytes, so that a tiny file cannot demand gigabytes. A
network with one weight in a hundred left, of one bit each, becomes only 300 times smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The content of a container.

    Attributes:
        format: Format of the artifact, "onnx" or "tflite".
        artifact_bytes: Size of the artifact.
        sha256: SHA-256 of the artifact.
        tensors: The coded tensors, in the artifact's order.
        rest: The artifact without these tensors, compressed.
        rest_bytes: Size of the rest once expanded.
        words: The coder's words.
    """

    format: str
    artifact_bytes: int
    sha256: bytes
    tensors: tuple[CodedTensor, ...]
    rest: bytes
    rest_bytes: int
    words: NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """The size of each part of a container, in bytes."""

    header: int
    tables: int
    codebooks: int
    rest: int
    words: int

    @property
    def total(self) -> int:
        """Size of the whole file."""
        return sum(getattr(self, field.name) for field in fields(self))


def pack(container: Container) -> tuple[bytes, Sections]:
    """Return the bytes of the container's file, and the size of each part.

    Raises:
        ExportError: The artifact is so much larger than the container that readers would refuse the file.
    """
    tables, codebooks = squeeze(encode_tables(container.tensors)), squeeze(encode_codebooks(container.tensors))
    words = container.words.astype("<u4").tobytes()
    header = _HEADER.pack(
        _MAGIC, _VERSION, _FORMATS.index(container.format), len(container.tensors), container.artifact_bytes,
        container.sha256, len(tables), sum(len(tensor.alphabet.codes) for tensor in container.tensors), len(codebooks),
        len(container.rest), container.rest_bytes,
    )  # fmt: skip
    parts = [header, tables, codebooks, container.rest, words]
    data = b"".join(parts)
    if container.artifact_bytes > _LARGEST_RATIO * len(data) + _SPARE:
        raise ExportError(
            "container",
            "the artifact is nearly all one value and would be refused as a decompression bomb",
            "zip it instead",
        )
    return data, Sections(**dict(zip([field.name for field in fields(Sections)], map(len, parts), strict=True)))


def unpack(path: Path) -> Container:
    """Read a container from a file that may come from anyone; `rest` and `words` are not decoded.

    Raises:
        ExportError: The file is not a container, has another version, is cut short or damaged, or demands too much
            memory.
    """
    if path.stat().st_size > _MAX_ARTIFACT:
        raise ExportError(path, "is larger than any container can be", f"give a {SUFFIX} file")
    with naming(path), path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ExportError(
                path, "not a container (its first bytes differ)", f"give a {SUFFIX} file that this package has written"
            )
        data = _MAGIC + file.read()
    try:
        return _unpack(data)
    except (struct.error, lzma.LZMAError, ValueError, IndexError) as error:
        raise ExportError(path, f"cut short or damaged ({one_line(error)})", "copy it or compress again") from error
    except ExportError as error:
        raise error.about(path) from error


def _unpack(data: bytes) -> Container:
    _, version, kind, count, artifact_bytes, sha256, tables, symbols, codebooks, rest, rest_bytes = _HEADER.unpack_from(
        data
    )
    if version != _VERSION:
        raise ExportError("container", f"has version {version}, this release reads {_VERSION}", "upgrade sqnxt-tf")
    if not 0 < kind < len(_FORMATS):
        raise ValueError(f"artifact of kind {kind}")
    if artifact_bytes > min(_MAX_ARTIFACT, _LARGEST_RATIO * len(data) + _SPARE):
        raise ValueError(f"{len(data)} bytes claim to hold {artifact_bytes}")
    if count * ROW_BYTES + symbols > MAX_TABLES:
        raise ValueError(f"tables of {count} tensors and {symbols} symbols")
    if rest_bytes > artifact_bytes:
        raise ValueError("its parts are larger than the whole")
    bounds = np.cumsum([_HEADER.size, tables, codebooks, rest]).tolist()
    if bounds[-1] > len(data) or (len(data) - bounds[-1]) % 4:
        raise ValueError(f"{len(data)} bytes where more were announced")
    sections = [data[start:end] for start, end in pairwise(bounds)]
    rows = expand(sections[0], count * ROW_BYTES + symbols)
    tensors = decode_tensors(rows, count, sections[1])
    if rest_bytes + sum(tensor.count * tensor.alphabet.width for tensor in tensors) != artifact_bytes:
        raise ValueError("its parts do not add up")
    if sum(tensor.gap for tensor in tensors) > rest_bytes:
        raise ValueError("tensors beyond its end")
    return Container(
        format=_FORMATS[kind],
        artifact_bytes=artifact_bytes,
        sha256=sha256,
        tensors=tensors,
        rest=sections[2],
        rest_bytes=rest_bytes,
        words=np.frombuffer(data, "<u4", offset=bounds[-1]).astype(np.uint32),
    )
