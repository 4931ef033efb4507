"""A histogram whose range grows with its data in bounded memory, and the clipping thresholds read from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HALF_BINS = 2048
"""Bins on each side of zero: the number that TensorRT's calibrator uses."""
_LEVELS = 128
"""Number of magnitudes that 8 bits distinguish on each side of zero."""
_CANDIDATE_STEP = 16
"""Bins between two candidate thresholds: finer steps changed no range by more than one per cent."""
_SMALLEST = 2.0**-100


class Histogram:
    """Counts of values in equal bins from `-limit` to `limit`.

    The limit is a power of two. When a value lies beyond it, the limit doubles and each two bins become one, so no
    value is read twice and the memory stays at 32 KB for any number of values. Zero always lies between two bins.

    Attributes:
        low: The smallest value so far, at most 0.
        high: The largest value so far, at least 0.
    """

    def __init__(self) -> None:
        self.low = self.high = 0.0
        self.limit = 0.0
        self.counts: NDArray[np.int64] = np.zeros(2 * HALF_BINS, np.int64)

    def add(self, values: NDArray[np.float32]) -> None:
        """Count values of any shape, which must be finite."""
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        self._widen(max(-self.low, self.high))
        if not self.limit:  # nothing but zeros so far: they lie at the lower edge of the first bin above zero
            self.counts[HALF_BINS] += values.size
            return
        places = np.floor(values.ravel() * np.float32(HALF_BINS / self.limit)).astype(np.int32) + HALF_BINS
        self.counts += np.bincount(np.minimum(places, 2 * HALF_BINS - 1), minlength=2 * HALF_BINS)

    def _widen(self, largest: float) -> None:
        """Double the limit until it is at least `largest`."""
        if not self.limit and largest > 0:
            self.limit = float(2 ** np.ceil(np.log2(max(largest, _SMALLEST))))
        while self.limit < largest:
            pairs = self.counts.reshape(HALF_BINS, 2).sum(axis=1)
            self.counts = np.zeros(2 * HALF_BINS, np.int64)
            self.counts[HALF_BINS // 2 : HALF_BINS // 2 + HALF_BINS] = pairs
            self.limit *= 2

    def percentile_range(self, percent: float) -> tuple[float, float]:
        """Return the range that holds `percent` of all values and zero.

        The values left out are split evenly between the two ends, or all at the upper end if no value is negative.
        """
        total, tail = int(self.counts.sum()), (1 - percent / 100) / 2
        if self.low == 0:
            tail *= 2  # all values left out are at the upper end
        below = np.cumsum(self.counts)
        edges = np.linspace(-self.limit, self.limit, 2 * HALF_BINS + 1)
        high = edges[1:][np.searchsorted(below, (1 - tail) * total)] if total else 0.0
        low = edges[np.searchsorted(below, tail * total, side="right")] if total else 0.0
        return max(self.low, min(float(low), 0.0)), min(self.high, max(float(high), 0.0))

    def entropy_range(self) -> tuple[float, float]:
        """Return the range whose clipping loses the least information.

        The threshold is the one with the least Kullback-Leibler divergence between the distribution of the magnitudes
        and its quantised form. Source: S. Migacz, "8-bit inference with TensorRT", GTC 2017. As in NVIDIA's later code,
        the many zeros after a Relu are ignored: the first bin gets the count of its neighbour.
        """
        magnitudes = (self.counts[HALF_BINS:] + self.counts[:HALF_BINS][::-1]).astype(np.float64)
        magnitudes[0] = magnitudes[1]
        levels = _LEVELS if self.low < 0 else 2 * _LEVELS
        last = int(np.flatnonzero(magnitudes)[-1]) + 1 if magnitudes.any() else HALF_BINS
        candidates = [*range(levels, last, _CANDIDATE_STEP), last] if last > levels else [last]
        best = min(candidates, key=lambda bins: _divergence(magnitudes, bins, levels))
        threshold = self.limit * best / HALF_BINS
        return max(self.low, -threshold), min(self.high, threshold)


def _divergence(magnitudes: NDArray[np.float64], bins: int, levels: int) -> float:
    """Return the KL divergence between the first `bins` magnitudes and their quantised form.

    Magnitudes beyond `bins` are clipped, that is, counted in the last bin. Quantising to `levels` spreads each level's
    count evenly over its bins that are not empty: with 2 levels, the counts [4, 0, 1, 3] become [4, 0, 2, 2].
    """
    reference = magnitudes[:bins].copy()
    inside = reference.copy()
    reference[-1] += magnitudes[bins:].sum()
    level = np.minimum(np.arange(bins) * levels // bins, levels - 1)
    filled = inside > 0
    filled_bins = np.bincount(level[filled], minlength=levels).clip(1)
    quantised = np.where(filled, (np.bincount(level, inside, minlength=levels) / filled_bins)[level], 0.0)
    # A bin with clipped values only is empty in the quantised form; a tiny value keeps the divergence finite.
    p, q = reference / max(reference.sum(), 1e-30), np.maximum(quantised / max(quantised.sum(), 1e-30), 1e-12)
    seen = p > 0
    return float(np.sum(p[seen] * np.log(p[seen] / q[seen])))
