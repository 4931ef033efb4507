"""A fast test that recognises most dominated candidates, and never takes one for dominated that is not.

Known candidates are sorted into cells by all values but the last. A cell holds the least last value of the candidates
whose cell is lower in every dimension; each of them is smaller in all these values, whatever they are within their
cells. So whoever has no smaller last value than its cell is dominated. What the test lets pass needs an exact one.

Example: with cells of width 10 for the first value, known candidates (3, 7) and (14, 5) leave 7 in the second cell and
5 in the third. Of (12, 8), (18, 6) and (25, 5) the first and the third are dominated, the second passes; so does
(15, 6), although (14, 5) dominates it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.exploration.pareto import ObjectiveValues

Values = NDArray[np.float64]
_Bits = NDArray[np.int64]
_CELLS = 2**20
_MAGNITUDE = np.int64(2**63 - 1)


class DominanceGrid:
    """The grid of known candidates, float64 [candidates, values], at least one; smaller is better.

    The bits of a floating-point number grow with it and roughly with its logarithm, so they are the scale of the cells.
    """

    def __init__(self, known: ObjectiveValues) -> None:
        *binned, last = (np.ascontiguousarray(column) for column in known.T)
        self._side = int(_CELLS ** (1 / max(len(binned), 1)))
        self._scales: list[tuple[np.int64, np.int64]] = []
        cells: _Bits = np.zeros(len(known), np.int64)
        for column in binned:
            bits = _ordered_bits(column)
            low, high = bits.min(), bits.max()
            shift = max(int(high - low).bit_length() - (self._side.bit_length() - 1), 0)
            self._scales.append((low, np.int64(shift)))
            cells = cells * (self._side + 1) + ((bits - low) >> shift) + 1
        least = np.full((self._side + 1) ** len(binned), np.inf)
        np.minimum.at(least, cells, last)
        shaped = least.reshape((self._side + 1,) * len(binned))
        for axis in range(len(binned)):
            np.minimum.accumulate(shaped, axis=axis, out=shaped)
        self._least = least

    def dominates(self, columns: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return for each candidate, float64 [values, candidates], whether it is certainly dominated."""
        *binned, last = columns
        if not binned:
            return np.asarray(self._least[0] < last)
        cells: _Bits = np.zeros(1, np.int64)
        for column, (low, shift) in zip(binned, self._scales, strict=True):
            bits = _ordered_bits(column)
            bits -= low
            bits >>= shift
            np.clip(bits, 0, self._side, out=bits)
            bits += cells * (self._side + 1)
            cells = bits
        return np.asarray(self._least[cells] <= last)


def _ordered_bits(values: Values) -> _Bits:
    """Return integers in the order of numbers, none of which is above 0 if one is below; no zero is a negative one."""
    bits = values.view(np.int64)
    return -(bits & _MAGNITUDE) if values.min(initial=0.0) < 0 else bits.copy()
