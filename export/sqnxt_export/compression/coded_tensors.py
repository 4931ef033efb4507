"""The tables and codebooks of a container: the place and the alphabet of each coded tensor."""

from __future__ import annotations

import lzma
from dataclasses import dataclass

import numpy as np

from sqnxt_export.compression.rans import MAX_LOW_BITS
from sqnxt_export.compression.symbols import MAX_CODE, MAX_SYMBOLS, Alphabet, exact_words

FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 20}]
"""LZMA settings of the sections; a device needs one mebibyte for the dictionary to read them."""

ROW_BYTES = 12
"""Size of a tensor's row in the tables."""
_SHIFT = 63
"""The bits of a tensor's flags that hold its shift. The other two tell whether zero (bit 7) and minus zero (bit 6) are
symbols of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedTensor:
    """A tensor's place in the artifact and its alphabet.

    Attributes:
        gap: Number of bytes of the rest between the tensor before and this one.
        count: Number of elements.
        alphabet: The symbols that the elements are written in.
    """

    gap: int
    count: int
    alphabet: Alphabet


def squeeze(data: bytes) -> bytes:
    """Compress by LZMA2, without a header."""
    return lzma.compress(data, format=lzma.FORMAT_RAW, filters=FILTERS)


def expand(data: bytes, size: int) -> bytes:
    """Decompress exactly `size` bytes, and never more."""
    result = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=FILTERS).decompress(data, max_length=size) if size else b""
    if len(result) != size:
        raise ValueError(f"a section of {len(result)} bytes where {size} were announced")
    return result


def encode_tables(tensors: tuple[CodedTensor, ...]) -> bytes:
    """Return the tables by column: gaps, counts, numbers of symbols, widths and flags, then all frequency codes."""
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


def encode_codebooks(tensors: tuple[CodedTensor, ...]) -> bytes:
    """Return the codebooks as differences, in four planes of bytes, which compress well.

    Neighbours in a codebook differ little, and the upper bytes of the differences hardly at all. Worked example: the
    codebook 3, 5, 300 has the differences 3, 2, 295; the planes are [3, 2, 39], [0, 0, 1], [0, 0, 0], [0, 0, 0].
    """
    if not tensors:
        return b""
    highs = np.concatenate([tensor.alphabet.highs for tensor in tensors])
    return np.diff(highs, prepend=np.zeros(1, np.uint32)).astype("<u4").view(np.uint8).reshape(-1, 4).T.tobytes()


def decode_tensors(rows: bytes, count: int, codebooks: bytes) -> tuple[CodedTensor, ...]:
    """Read `count` tensors from expanded tables and compressed codebooks.

    Raises:
        ValueError: The tables contradict themselves or are out of range.
    """
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
    planes = np.frombuffer(expand(codebooks, 4 * sum(deep)), np.uint8).reshape(4, -1)
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
    """Refuse an alphabet that no tensor can have."""
    width, shift, highs = alphabet.width, alphabet.shift, alphabet.highs
    if shift > min(8 * width - 1, MAX_LOW_BITS):
        raise ValueError(f"a tensor of {width} bytes and {shift} low bits an element")
    if not 0 < len(alphabet.codes) <= MAX_SYMBOLS:
        raise ValueError(f"{len(alphabet.codes)} symbols in a tensor")
    if (np.diff(highs.astype(np.int64)) <= 0).any() or (len(highs) and int(highs[-1]) >> (8 * width - shift)):
        raise ValueError("a codebook out of order")
