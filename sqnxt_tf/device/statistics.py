"""What can be said of times on a machine that does other things too: medians, their intervals, and ratios.

Times are not normal: they have a floor and a long tail, and they drift as the machine slows down. So nothing here is a
mean with a standard deviation; intervals come from order statistics, which assume no shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CONFIDENCE = 0.95
FEWEST = 6  # values whose range holds the median with 95 %
_LARGEST_EXACT = 500  # values: beyond, the normal approximation is off by less than one place


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the interval as a fraction of the value: 0.02 is plus or minus 2 %."""
        return (self.high - self.low) / 2 / self.value if self.value else math.inf

    def to_json(self) -> dict[str, Any]:
        """`{"value", "interval": [low, high]}`."""
        return {"value": self.value, "interval": [self.low, self.high]}


def median(values: NDArray[np.float64]) -> Estimate:
    """The median of [n] values and its interval, the order statistics that hold it with 95 %.

    Values are taken as independent: give medians of rounds rather than runs, which share what the machine does at the
    time. Of fewer than `FEWEST`, the interval is all of them, and holds less.

    Source: W. R. Thompson, "On confidence ranges for the median", Annals of Mathematical Statistics 7 (1936).
    """
    ordered = np.sort(values)
    place = _lower_place(len(ordered))
    return Estimate(
        value=float(np.median(ordered)), low=float(ordered[place]), high=float(ordered[len(ordered) - 1 - place])
    )


def ratio(values: NDArray[np.float64], reference: NDArray[np.float64]) -> Estimate:
    """Median over [rounds] of one's time over the other's in the same round, with its interval.

    What slows the machine for seconds slows both, and cancels.
    """
    return median(values / reference)


def middle_mean(values: NDArray[np.float64]) -> float:
    """Mean of the middle half of [n] values: as robust as a median, and finer than the clock's own steps."""
    ordered = np.sort(values)
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def percentiles(values: NDArray[np.float64], wanted: Sequence[int] = (50, 90, 99)) -> dict[str, float]:
    """`{"p50": ..., "p90": ..., "p99": ...}` of [n] values."""
    return {f"p{one}": float(value) for one, value in zip(wanted, np.percentile(values, wanted), strict=True)}


def _lower_place(count: int) -> int:
    """How many of the smallest values may be left out, so that the rest on both sides holds the median with 95 %."""
    if count > _LARGEST_EXACT:
        return math.floor(count / 2 - 1.96 * math.sqrt(count) / 2)
    tail, place = 0.0, 0
    for below in range(count):
        tail += math.comb(count, below) / 2**count
        if tail > (1 - _CONFIDENCE) / 2:
            break
        place = below
    return place if count >= FEWEST else 0
