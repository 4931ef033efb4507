"""Medians of times, ratios of times, and their confidence intervals, on a machine that runs other programs too.

Times are not normally distributed: they have a minimum and a long tail, and they drift as the machine slows down. So
nothing here is a mean with a standard deviation. Intervals come from order statistics, which assume no distribution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CONFIDENCE = 0.95
FEWEST = 6  # values; the range of fewer ones holds the median with less than 95 %
_LARGEST_EXACT = 500  # values; for more, the normal approximation is off by less than one place


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
        """Return `{"value", "interval": [low, high]}`."""
        return {"value": self.value, "interval": [self.low, self.high]}


def median(values: NDArray[np.float64]) -> Estimate:
    """Return the median of [n] values and its interval: the order statistics that hold the median with 95 %.

    Values are assumed to be independent. Give medians of rounds and not single runs, as the runs of a round are slowed
    by the same other programs. For fewer than `FEWEST` values the interval is their range, which holds the median less
    often.

    Example: of 10 values in order, the interval runs from the 2nd to the 9th, as the median lies outside of them with
    a probability of 2 * (1 + 10) / 2**10 = 2.1 %.

    Source: W. R. Thompson, "On confidence ranges for the median", Annals of Mathematical Statistics 7 (1936).
    """
    ordered = np.sort(values)
    place = _lower_place(len(ordered))
    return Estimate(
        value=float(np.median(ordered)), low=float(ordered[place]), high=float(ordered[len(ordered) - 1 - place])
    )


def ratio(values: NDArray[np.float64], reference: NDArray[np.float64]) -> Estimate:
    """Return the median over [rounds] of `values` over `reference` of the same round, with its interval.

    Whatever slows the machine for seconds slows both, and cancels out.
    """
    return median(values / reference)


def middle_mean(values: NDArray[np.float64]) -> float:
    """Return the mean of the middle half of [n] values: as robust as a median, and finer than the clock's steps."""
    ordered = np.sort(values)
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def percentiles(values: NDArray[np.float64], wanted: Sequence[int] = (50, 90, 99)) -> dict[str, float]:
    """Return `{"p50": ..., "p90": ..., "p99": ...}` of [n] values."""
    return {f"p{one}": float(value) for one, value in zip(wanted, np.percentile(values, wanted), strict=True)}


def _lower_place(count: int) -> int:
    """Return how many values can be left out at either end, so that the others hold the median with 95 %."""
    if count > _LARGEST_EXACT:
        return math.floor(count / 2 - 1.96 * math.sqrt(count) / 2)
    tail, place = 0.0, 0
    for below in range(count):
        tail += math.comb(count, below) / 2**count
        if tail > (1 - _CONFIDENCE) / 2:
            break
        place = below
    return place if count >= FEWEST else 0
