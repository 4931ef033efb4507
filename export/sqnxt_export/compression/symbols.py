"""The words of a tensor as symbols of a small alphabet and, if it has too many values for that, low bits.

A word is the bit pattern of one weight as an unsigned integer. Zero is a symbol of its own, and so is minus zero, which
pruning by a mask makes of negative weights. Of all other words the upper bits are symbols, whose frequencies differ,
and the lowest `shift` bits are stored as they are, because they look random in weights that were not clustered.
Clustered and 8-bit weights have a `shift` of 0, so that every value is a symbol.

Worked example: with a shift of 2, the words 0, 9 and 11 are the symbols of "zero" and of the upper bits 2 and 2, and
the low bits 1 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.compression.rans import MAX_LOW_BITS, TOTAL

MAX_SYMBOLS = 1024
MAX_CODE = 123
"""The code of the largest count, 7 * 2**29, which is larger than any tensor."""
_TABLE_BITS = 4
"""Estimated size of a symbol's frequency in the compressed tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alphabet:
    """The symbols that the words of a tensor are written in.

    Attributes:
        width: Size of a word in bytes.
        shift: Number of low bits that are stored beside a symbol.
        exact: The words of the first symbols: zero and minus zero (`exact_words`), as far as they occur.
        highs: The upper bits that each further symbol stands for, ascending.
        codes: Frequency of each symbol, rounded (see `rounded_count`), uint8 [n].
    """

    width: int
    shift: int
    exact: tuple[int, ...]
    highs: NDArray[np.uint32]
    codes: NDArray[np.uint8]

    @property
    def words(self) -> NDArray[np.uint32]:
        """Word of each symbol, with its low bits zero."""
        return np.concatenate([np.array(self.exact, np.uint32), self.highs << np.uint32(self.shift)])

    @property
    def frequencies(self) -> NDArray[np.int64]:
        """Probability of each symbol in units of 1 / TOTAL, at least 1; integers, so that all machines agree."""
        counts = rounded_count(self.codes)
        result = 1 + counts * (TOTAL - len(counts)) // max(int(counts.sum()), 1)
        result[int(np.argmax(result))] += TOTAL - int(result.sum())
        return result

    def split(self, words: NDArray[np.uint32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the symbols of `words` [n], int32 [n], and the low bits of those that have any, int32 [m]."""
        symbols = np.searchsorted(self.highs, words >> np.uint32(self.shift)) + len(self.exact)
        for symbol, word in enumerate(self.exact):
            symbols[words == word] = symbol
        low = words[symbols >= len(self.exact)] & np.uint32((1 << self.shift) - 1) if self.shift else words[:0]
        return symbols.astype(np.int32), low.astype(np.int32)


def exact_words(width: int) -> tuple[int, int]:
    """Return the words of zero and minus zero; for integers the latter is the smallest integer, which does no harm."""
    return 0, 1 << (8 * width - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The size of a tensor's words under an alphabet: their entropy, and their length once coded, both in bits."""

    entropy_bits: float
    coded_bits: float


def choose_alphabet(words: NDArray[np.uint32], width: int) -> tuple[Alphabet, Content] | None:
    """Return the alphabet in which `words` [n], of `width` bytes each, take the fewest bits; None if none fits."""
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
    """Return the alphabet of distinct, sorted `values` at a `shift` (None if too large) and its symbols' counts."""
    special = np.isin(values, np.array(exact_words(width), np.uint32))
    highs = values[~special] >> np.uint32(shift)
    starts = np.flatnonzero(np.diff(highs, prepend=highs[:1] + np.uint32(1)))
    if len(starts) + int(special.sum()) > MAX_SYMBOLS:
        return None, counts[:0]
    grouped = np.add.reduceat(counts[~special], starts) if len(starts) else counts[:0]
    tally = np.concatenate([counts[special], grouped])
    exact = tuple(values[special].tolist())
    return Alphabet(width=width, shift=shift, exact=exact, highs=highs[starts], codes=count_code(tally)), tally


def _content(alphabet: Alphabet, tally: NDArray[np.int64]) -> Content:
    total = int(tally.sum())
    low_bits = alphabet.shift * int(tally[len(alphabet.exact) :].sum())
    frequencies = alphabet.frequencies
    return Content(
        entropy_bits=float(-(tally * np.log2(tally / total)).sum()) + low_bits,
        coded_bits=float(-(tally * np.log2(frequencies / TOTAL)).sum()) + low_bits,
    )


def rounded_count(codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the count that a code up to `MAX_CODE` stands for, a float with a mantissa of two bits.

    The counts are 0 1 2 3 4 5 6 7 8 10 12 14 16 20 24 and so on. Steps of at most a quarter cost about 0.003 bits per
    symbol; exact counts would make tables larger than some layers of a SqueezeNext.
    """
    wide = codes.astype(np.int64)
    return np.where(wide < 4, wide, (4 + (wide & 3)) << np.maximum((wide >> 2) - 1, 0))


def count_code(counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the code of the nearest count that has one."""
    codes = np.arange(MAX_CODE + 1, dtype=np.uint8)
    known = rounded_count(codes)
    above = np.searchsorted(known, counts)
    lower = known[np.maximum(above - 1, 0)]
    return codes[np.where((counts - lower < known[above] - counts) & (above > 0), above - 1, above)]
