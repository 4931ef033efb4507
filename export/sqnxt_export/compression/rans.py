"""The entropy coder: range asymmetric numeral systems (rANS), encoded and decoded by the library constriction.

The code is defined here and not by the library, so that containers outlive it: a stack of 32-bit words, a state of 64
bits, and frequencies in units of 2**-24 (`TOTAL`). To pop symbol s of frequency f, where c is the sum of the
frequencies of all symbols before s:

```
quantile = state mod 2**24;  s is the symbol with c <= quantile < c + f
state    = (state >> 24) * f + quantile - c;  if state < 2**32: state = state << 32 | next word
```

Worked example in units of 1/4 instead of 2**-24: two symbols of frequencies 3 and 1, state 14. The quantile is 14 mod 4
= 2, which is below 3, so s = 0 and c = 0, and the new state is (14 >> 2) * 3 + 2 - 0 = 11.

constriction has no wheels for Linux on ARM, which many devices run, so `PlainDecoder` has these lines in Python. It is
slower and gives the same answers.
"""

from __future__ import annotations

from bisect import bisect_right
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sqnxt_export._libraries import require
from sqnxt_export.errors import ExportError, one_line

_PRECISION = 24
TOTAL = 1 << _PRECISION
"""Sum of all frequencies; each is an integer above zero."""
MAX_LOW_BITS = _PRECISION - 1

Frequencies = NDArray[np.int64]


class Decoder(Protocol):
    """A reader of symbols. The last `Encoder.push` is read first, each push in its own order."""

    def symbols(self, frequencies: Frequencies, count: int) -> NDArray[np.int32]:
        """Read `count` symbols, each below len(frequencies), of which there are at least 2."""

    def low_bits(self, bits: int, count: int) -> NDArray[np.int32]:
        """Read `count` numbers of `bits` bits (1 to `MAX_LOW_BITS`), whose values are all equally likely."""


class Encoder:
    """A stack of symbols: the last push is decoded first, each push in its own order.

    Raises:
        ExportError: Constriction is not installed.
    """

    def __init__(self) -> None:
        self._library = require("constriction", "to compress a model")
        self._coder = self._library.stream.stack.AnsCoder()

    def push(self, symbols: NDArray[np.int32], frequencies: Frequencies) -> None:
        """Put `symbols` [n], each below len(frequencies), on the stack."""
        self._coder.encode_reverse(symbols, _model(self._library, frequencies))

    def push_low_bits(self, values: NDArray[np.int32], bits: int) -> None:
        """Put `values` [n], each below 2**bits, on the stack."""
        self._coder.encode_reverse(values, self._library.stream.model.Uniform(1 << bits))

    def words(self) -> NDArray[np.uint32]:
        """Return the words of the whole stack."""
        words: NDArray[np.uint32] = self._coder.get_compressed()
        return words


def make_decoder(words: NDArray[np.uint32]) -> Decoder:
    """Return a decoder of a stack of words; damaged words decode to wrong symbols or raise an error."""
    return LibraryDecoder(words) if find_spec("constriction") else PlainDecoder(words)


class LibraryDecoder:
    """The decoder of the library constriction."""

    def __init__(self, words: NDArray[np.uint32]) -> None:
        self._library = require("constriction", "to decompress quickly")
        try:
            self._coder = self._library.stream.stack.AnsCoder(np.ascontiguousarray(words, np.uint32))
        except Exception as error:
            raise ExportError(
                "container", f"its coded weights are damaged ({one_line(error)})", "copy the file again"
            ) from error

    def symbols(self, frequencies: Frequencies, count: int) -> NDArray[np.int32]:
        """See `Decoder`."""
        return self._decode(_model(self._library, frequencies), count)

    def low_bits(self, bits: int, count: int) -> NDArray[np.int32]:
        """See `Decoder`."""
        return self._decode(self._library.stream.model.Uniform(1 << bits), count)

    def _decode(self, model: Any, count: int) -> NDArray[np.int32]:
        try:
            result: NDArray[np.int32] = self._coder.decode(model, count)
        except BaseException as error:
            # A panic in Rust raises PanicException, which is not an Exception; it must not end the process.
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                raise ExportError(
                    "container", f"its coded weights are damaged ({one_line(error)})", "copy the file again"
                ) from error
            raise
        return result


class PlainDecoder:
    """A decoder in plain Python, which reads about a million symbols a second."""

    def __init__(self, words: NDArray[np.uint32]) -> None:
        if len(words) and not words[-1]:
            raise ExportError(
                "container", "its coded weights are damaged (they end in a zero word)", "copy the file again"
            )
        self._words: list[int] = words.tolist()
        self._state = 0
        for _ in range(2):
            if self._words:
                self._state = self._state << 32 | self._words.pop()

    def symbols(self, frequencies: Frequencies, count: int) -> NDArray[np.int32]:
        """See `Decoder`."""
        sums = np.concatenate([[0], np.cumsum(frequencies)]).tolist()
        wide: list[int] = frequencies.tolist()
        state, words, mask = self._state, self._words, TOTAL - 1
        result = []
        for _ in range(count):
            quantile = state & mask
            symbol = bisect_right(sums, quantile) - 1
            state = (state >> _PRECISION) * wide[symbol] + quantile - sums[symbol]
            if state < 1 << 32 and words:
                state = state << 32 | words.pop()
            result.append(symbol)
        self._state = state
        return np.array(result, np.int32)

    def low_bits(self, bits: int, count: int) -> NDArray[np.int32]:
        """See `Decoder`."""
        state, words, mask, width = self._state, self._words, TOTAL - 1, _PRECISION - bits
        result = []
        for _ in range(count):
            quantile = state & mask
            result.append(quantile >> width)
            state = ((state >> _PRECISION) << width) + (quantile & ((1 << width) - 1))
            if state < 1 << 32 and words:
                state = state << 32 | words.pop()
        self._state = state
        return np.array(result, np.int32)


def _model(library: Any, frequencies: Frequencies) -> Any:
    """Return the library's categorical model with exactly these frequencies.

    The library takes probabilities and rounds them to units of 2**-24. `perfect` asks for the best rounding, which
    leaves whole units unchanged. Without it, the library adds a correction that differs between versions.
    """
    return library.stream.model.Categorical(frequencies / TOTAL, perfect=True)
