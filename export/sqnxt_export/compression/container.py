"""The container, `.sqz`: a header, three compressed sections, and the words of the entropy coder. Little-endian.

| part | content |
|---|---|
| header | `_HEADER` below; the SHA-256 is that of the artifact |
| tables | LZMA2: a row a tensor (bytes of the rest before it, count, symbols, width, shift), then all frequency codes |
| codebooks | LZMA2: the upper bits of every symbol's word, as differences, each of their four bytes in its own plane |
| rest | LZMA2: the artifact without its coded tensors: graph, biases, metadata |
| words | the stack of `rans`: for each tensor, and `CHUNK` elements at a time, symbols, then low bits |

Whatever a file says of a size is checked before memory is taken: against limits, against the file, and one against
the other. The name is free: three archivers of the DOS days wrote .sqz, with other first bytes.
"""

from __future__ import annotations

import lzma
import struct
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.compression.rans import MAX_LOW_BITS
from sqnxt_export.compression.symbols import MAX_CODE, MAX_SYMBOLS, Alphabet, exact_words
from sqnxt_export.errors import ExportError, one_line

SUFFIX = ".sqz"
CHUNK = 1 << 18
_VERSION = 1
_FORMATS = ("", "onnx", "tflite")
"""The kind of artifact by its number in the header."""
MAX_TABLES = 1 << 20
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 20}]
"""Of the sections; a device needs the dictionary's mebibyte to read them."""

_MAGIC = b"\x89SQZ\r\n\x1a\n"
"""As in PNG: a file that went through a text-mode transfer no longer begins so."""
_HEADER = struct.Struct("<8sHBxIQ32sIIIII")
_MAX_ARTIFACT = 2 << 30
_LARGEST_RATIO, _SPARE = 2000, 1 << 20
"""A file of a few bytes cannot ask for gigabytes: a network of which one weight in a hundred is left, at one bit, is
300 times smaller."""
_ROW_BYTES = 12
_SHIFT = 63
"""Of a tensor's flags: the other two bits say whether zero and minus zero are symbols of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedTensor:
    """A tensor's place and its alphabet: `gap` bytes of the rest come before it, then `count` elements."""

    gap: int
    count: int
    alphabet: Alphabet


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """All that a container holds: `rest` is still compressed, `rest_bytes` its length without compression."""

    format: str
    artifact_bytes: int
    sha256: bytes
    tensors: tuple[CodedTensor, ...]
    rest: bytes
    rest_bytes: int
    words: NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """Where a container's bytes are."""

    header: int
    tables: int
    codebooks: int
    rest: int
    words: int

    @property
    def total(self) -> int:
        """The whole file."""
        return sum(getattr(self, field.name) for field in fields(self))


def pack(container: Container) -> tuple[bytes, Sections]:
    """The container's file, and how large each part of it is.

    Raises:
        ExportError: The artifact is so much larger than the container that no reader would believe it.
    """
    tables, codebooks = squeeze(_tables(container.tensors)), squeeze(_codebooks(container.tensors))
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
    """The container in a file that may come from anyone; `rest` and `words` are not looked into.

    Raises:
        ExportError: Not a container, one of another version, cut short, damaged, or one that asks for too much.
    """
    if path.stat().st_size > _MAX_ARTIFACT:
        raise ExportError(path, "is larger than any container can be", f"give a {SUFFIX} file")
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ExportError(
                path, "not a container (its first bytes differ)", "give a file made by `sqnxt-tf compress`"
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
    if count * _ROW_BYTES + symbols > MAX_TABLES:
        raise ValueError(f"tables of {count} tensors and {symbols} symbols")
    if rest_bytes > artifact_bytes:
        raise ValueError("its parts are larger than the whole")
    bounds = np.cumsum([_HEADER.size, tables, codebooks, rest]).tolist()
    if bounds[-1] > len(data) or (len(data) - bounds[-1]) % 4:
        raise ValueError(f"{len(data)} bytes where more were said")
    sections = [data[start:end] for start, end in pairwise(bounds)]
    rows = _expand(sections[0], count * _ROW_BYTES + symbols)
    tensors = _tensors(rows, count, sections[1])
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


def squeeze(data: bytes) -> bytes:
    """Compressed by LZMA2, without a header."""
    return lzma.compress(data, format=lzma.FORMAT_RAW, filters=FILTERS)


def _expand(data: bytes, size: int) -> bytes:
    """The `size` bytes that were compressed to `data`, and never more."""
    result = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=FILTERS).decompress(data, max_length=size) if size else b""
    if len(result) != size:
        raise ValueError(f"a section of {len(result)} bytes where {size} were said")
    return result


def _tables(tensors: tuple[CodedTensor, ...]) -> bytes:
    alphabets = [tensor.alphabet for tensor in tensors]
    columns = (
        np.array([tensor.gap for tensor in tensors], "<u4"),
        np.array([tensor.count for tensor in tensors], "<u4"),
        np.array([len(alphabet.codes) for alphabet in alphabets], "<u2"),
        np.array([alphabet.width for alphabet in alphabets], np.uint8),
        np.array([_flag(alphabet) for alphabet in alphabets], np.uint8),
        *(alphabet.codes for alphabet in alphabets),
    )
    return b"".join(column.tobytes() for column in columns)


def _codebooks(tensors: tuple[CodedTensor, ...]) -> bytes:
    """Neighbours in a codebook differ little, and the upper bytes of the differences hardly at all."""
    if not tensors:
        return b""
    highs = np.concatenate([tensor.alphabet.highs for tensor in tensors])
    return np.diff(highs, prepend=np.zeros(1, np.uint32)).astype("<u4").view(np.uint8).reshape(-1, 4).T.tobytes()


def _tensors(rows: bytes, count: int, codebooks: bytes) -> tuple[CodedTensor, ...]:
    starts = (np.array([0, 4, 8, 10, 11, 12]) * count).tolist()
    gaps, counts = (np.frombuffer(rows, "<u4", count, start).tolist() for start in starts[:2])
    sizes = np.frombuffer(rows, "<u2", count, starts[2]).tolist()
    widths, flags = (np.frombuffer(rows, np.uint8, count, start).tolist() for start in starts[3:5])
    codes = np.frombuffer(rows, np.uint8, offset=starts[5])
    exacts = [_exact(flag, width) for flag, width in zip(flags, widths, strict=True)]
    deep = [size - len(exact) for size, exact in zip(sizes, exacts, strict=True)]
    if sum(sizes) != len(codes) or min(deep, default=0) < 0:
        raise ValueError("its frequency tables do not add up")
    if codes.max(initial=0) > MAX_CODE:
        raise ValueError("a frequency out of range")
    planes = np.frombuffer(_expand(codebooks, 4 * sum(deep)), np.uint8).reshape(4, -1)
    highs = np.cumsum(np.ascontiguousarray(planes.T).view("<u4").ravel(), dtype=np.uint32)
    result = []
    code = high = 0
    for index, (width, flag, exact) in enumerate(zip(widths, flags, exacts, strict=True)):
        alphabet = Alphabet(
            width=width,
            shift=flag & _SHIFT,
            exact=exact,
            highs=highs[high : high + deep[index]],
            codes=codes[code : code + sizes[index]],
        )
        _check(alphabet)
        result.append(CodedTensor(gap=gaps[index], count=counts[index], alphabet=alphabet))
        code, high = code + sizes[index], high + deep[index]
    return tuple(result)


def _flag(alphabet: Alphabet) -> int:
    zero, minus_zero = exact_words(alphabet.width)
    return alphabet.shift | (zero in alphabet.exact) << 7 | (minus_zero in alphabet.exact) << 6


def _exact(flag: int, width: int) -> tuple[int, ...]:
    if width not in (1, 2, 4):
        raise ValueError(f"a tensor of {width} bytes an element")
    return tuple(word for word, bit in zip(exact_words(width), (7, 6), strict=True) if flag >> bit & 1)


def _check(alphabet: Alphabet) -> None:
    """Whether a tensor can be written so."""
    width, shift, highs = alphabet.width, alphabet.shift, alphabet.highs
    if shift > min(8 * width - 1, MAX_LOW_BITS):
        raise ValueError(f"a tensor of {width} bytes and {shift} low bits an element")
    if not 0 < len(alphabet.codes) <= MAX_SYMBOLS:
        raise ValueError(f"{len(alphabet.codes)} symbols in a tensor")
    if (np.diff(highs.astype(np.int64)) <= 0).any() or (len(highs) and int(highs[-1]) >> (8 * width - shift)):
        raise ValueError("a codebook out of order")
