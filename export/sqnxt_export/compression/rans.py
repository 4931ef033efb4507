"""The entropy coder: range asymmetric numeral systems, encoded and decoded by the library constriction.

What is coded is defined here and not by the library, so that a container outlives it: a stack of 32-bit words, a state
of 64 bits, frequencies in units of 2**-24 (`TOTAL`). Popping symbol s of frequency f, below which frequencies sum to c:

```
quantile = state mod 2**24;  s is the symbol with c <= quantile < c + f
state    = (state >> 24) * f + quantile - c;  if state < 2**32: state = state << 32 | next word
```

constriction has no wheels for Linux on ARM, where many devices live, so the seven lines are here as well: slower, the
same answers.
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
"""The sum of a model's frequencies; each is an integer above zero."""
MAX_LOW_BITS = _PRECISION - 1

Frequencies = NDArray[np.int64]


class Decoder(Protocol):
    """Reads symbols in the order in which they were given to `Encoder.push`, last push first."""

    def symbols(self, frequencies: Frequencies, count: int) -> NDArray[np.int32]:
        """The next `count` symbols, below len(frequencies), which is 2 at least."""

    def low_bits(self, bits: int, count: int) -> NDArray[np.int32]:
        """The next `count` numbers of `bits` bits (1 to `MAX_LOW_BITS`), each value as likely as any other."""


class Encoder:
    """A stack of symbols; what is pushed last is decoded first, each push in its own order.

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
        """All that is on the stack."""
        words: NDArray[np.uint32] = self._coder.get_compressed()
        return words


def make_decoder(words: NDArray[np.uint32]) -> Decoder:
    """A decoder of a stack of words, which may be any: what makes no sense decodes to something all the same."""
    return LibraryDecoder(words) if find_spec("constriction") else PlainDecoder(words)


class LibraryDecoder:
    """constriction's."""

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
            # A panic in Rust arrives as a PanicException, which is no Exception: it must not end the process.
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                raise ExportError(
                    "container", f"its coded weights are damaged ({one_line(error)})", "copy the file again"
                ) from error
            raise
        return result


class PlainDecoder:
    """The same without the library: about a million symbols a second."""

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
    """The library's categorical model with exactly these frequencies.

    It takes probabilities and rounds them to units of 2**-24. `perfect` asks for the best rounding, which for whole
    units is none; the other way would add its own correction, one that has changed from version to version.
    """
    return library.stream.model.Categorical(frequencies / TOTAL, perfect=True)
