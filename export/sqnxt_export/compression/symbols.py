"""A tensor's words as symbols of a small alphabet and, where it has too many values for that, low bits.

A word is the bit pattern of one weight as an unsigned integer. Zero is a symbol of its own. Of the others the upper
bits are symbols, whose frequencies differ, and the lowest `shift` bits are kept as they are: they look random in all
weights that nobody shared. Shared and 8-bit weights have a `shift` of 0, so that every value is a symbol.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .rans import MAX_LOW_BITS, TOTAL

MAX_SYMBOLS = 1024
MAX_CODE = 123
"""The code of the largest count, 7 * 2**29: larger than any tensor."""
_TABLE_BITS = 4
"""What a symbol's frequency takes in the tables after compression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alphabet:
    """How the words of a tensor are written: `highs`, ascending, are the upper bits of the words that are not zero.

    Symbol 0 is the zero word where `has_zero`; the symbols after it, or all, are the `highs`. `codes` are the
    frequencies of the symbols, uint8 [n], rounded (see `rounded_count`).
    """

    width: int
    shift: int
    has_zero: bool
    highs: NDArray[np.uint32]
    codes: NDArray[np.uint8]

    @property
    def words(self) -> NDArray[np.uint32]:
        """The word of each symbol, its low bits zero."""
        words = self.highs << np.uint32(self.shift)
        return np.concatenate([np.zeros(1, np.uint32), words]) if self.has_zero else words

    @property
    def frequencies(self) -> NDArray[np.int64]:
        """How likely each symbol is, in units of 1 / TOTAL; every one at least 1. Integers, the same everywhere."""
        counts = rounded_count(self.codes)
        result = 1 + counts * (TOTAL - len(counts)) // max(int(counts.sum()), 1)
        result[int(np.argmax(result))] += TOTAL - int(result.sum())
        return result

    def split(self, words: NDArray[np.uint32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Symbols of `words` [n], int32 [n], and the low bits of those that have any, int32 [m]."""
        symbols = np.searchsorted(self.highs, words >> np.uint32(self.shift)) + self.has_zero
        symbols[words == 0] = 0
        low = words[words != 0] & np.uint32((1 << self.shift) - 1) if self.shift else words[:0]
        return symbols.astype(np.int32), low.astype(np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a tensor's words carry under an alphabet, in bits: their entropy, and their length in the stored model."""

    entropy_bits: float
    coded_bits: float


def choose_alphabet(words: NDArray[np.uint32], width: int) -> tuple[Alphabet, Content] | None:
    """The alphabet in which `words` [n], of `width` bytes each, take the fewest bits; None where none fits."""
    values, counts = np.unique(words, return_counts=True)
    best: tuple[float, Alphabet, Content] | None = None
    for shift in range(min(8 * width, MAX_LOW_BITS + 1)):
        alphabet, tally = _alphabet(values, counts, width, shift)
        if alphabet is None:
            continue
        content = _content(alphabet, tally)
        size = content.coded_bits + len(tally) * _TABLE_BITS + len(alphabet.highs) * (8 * width - shift)
        if best is None or size < best[0]:
            best = size, alphabet, content
    return None if best is None else best[1:]


def _alphabet(
    values: NDArray[np.uint32], counts: NDArray[np.int64], width: int, shift: int
) -> tuple[Alphabet | None, NDArray[np.int64]]:
    """The alphabet of distinct, sorted `values` at a `shift`, None where it is too large, and its symbols' counts."""
    has_zero = bool(values[0] == 0)
    highs = values[has_zero:] >> np.uint32(shift)
    starts = np.flatnonzero(np.diff(highs, prepend=highs[:1] + np.uint32(1)))
    if len(starts) + has_zero > MAX_SYMBOLS:
        return None, counts[:0]
    tally = np.add.reduceat(counts[has_zero:], starts) if len(starts) else counts[:0]
    tally = np.concatenate([counts[:1], tally]) if has_zero else tally
    codes = count_code(tally)
    return Alphabet(width=width, shift=shift, has_zero=has_zero, highs=highs[starts], codes=codes), tally


def _content(alphabet: Alphabet, tally: NDArray[np.int64]) -> Content:
    total = int(tally.sum())
    low_bits = alphabet.shift * (total - (int(tally[0]) if alphabet.has_zero else 0))
    frequencies = alphabet.frequencies
    return Content(
        entropy_bits=float(-(tally * np.log2(tally / total)).sum()) + low_bits,
        coded_bits=float(-(tally * np.log2(frequencies / TOTAL)).sum()) + low_bits,
    )


def rounded_count(codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The count that a code up to `MAX_CODE` stands for: a float with a mantissa of two bits.

    They are 0 1 2 3 4 5 6 7 8 10 12 14 16 20 24 and so on. Steps of a quarter at most cost about 0.003 bits a symbol,
    where exact counts would make tables larger than many a layer of a SqueezeNext.
    """
    wide = codes.astype(np.int64)
    return np.where(wide < 4, wide, (4 + (wide & 3)) << np.maximum((wide >> 2) - 1, 0))


def count_code(counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The code of the nearest count that has one."""
    codes = np.arange(MAX_CODE + 1, dtype=np.uint8)
    known = rounded_count(codes)
    above = np.searchsorted(known, counts)
    lower = known[np.maximum(above - 1, 0)]
    return codes[np.where((counts - lower < known[above] - counts) & (above > 0), above - 1, above)]
