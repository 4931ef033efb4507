"""A histogram that grows with its data in bounded memory, and the thresholds that quantisers read from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HALF_BINS = 2048
"""Bins on each side of zero: the number that TensorRT's calibrator uses."""
_LEVELS = 128
"""Magnitudes that 8 bits tell apart on each side of zero."""
_CANDIDATE_STEP = 16
"""Bins between two thresholds that are tried: finer steps moved no range by more than a per cent."""
_SMALLEST = 2.0**-100


class Histogram:
    """How often each value came, in equal bins from `-limit` to `limit`.

    The limit is a power of two and doubles when a value lies beyond it: each two bins then become one, so nothing is
    looked at twice and the memory stays 32 KB, however many values come. Zero is always between two bins.

    Attributes:
        low: The smallest value so far, at most 0.
        high: The largest value so far, at least 0.
    """

    def __init__(self) -> None:
        self.low = self.high = 0.0
        self.limit = 0.0
        self.counts: NDArray[np.int64] = np.zeros(2 * HALF_BINS, np.int64)

    def add(self, values: NDArray[np.float32]) -> None:
        """Count finite values of any shape."""
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        self._widen(max(-self.low, self.high))
        if not self.limit:  # nothing but zeros so far: they lie at the lower edge of the first bin above zero
            self.counts[HALF_BINS] += values.size
            return
        places = np.floor(values.ravel() * np.float32(HALF_BINS / self.limit)).astype(np.int32) + HALF_BINS
        self.counts += np.bincount(np.minimum(places, 2 * HALF_BINS - 1), minlength=2 * HALF_BINS)

    def _widen(self, largest: float) -> None:
        """Take the limit beyond `largest`."""
        if not self.limit and largest > 0:
            self.limit = float(2 ** np.ceil(np.log2(max(largest, _SMALLEST))))
        while self.limit < largest:
            pairs = self.counts.reshape(HALF_BINS, 2).sum(axis=1)
            self.counts = np.zeros(2 * HALF_BINS, np.int64)
            self.counts[HALF_BINS // 2 : HALF_BINS // 2 + HALF_BINS] = pairs
            self.limit *= 2

    def percentile_range(self, percent: float) -> tuple[float, float]:
        """The range that holds `percent` of all values, what is left out shared by the two ends; zero included."""
        total, tail = int(self.counts.sum()), (1 - percent / 100) / 2
        if self.low == 0:
            tail *= 2  # all of it is at the upper end
        below = np.cumsum(self.counts)
        edges = np.linspace(-self.limit, self.limit, 2 * HALF_BINS + 1)
        high = edges[1:][np.searchsorted(below, (1 - tail) * total)] if total else 0.0
        low = edges[np.searchsorted(below, tail * total, side="right")] if total else 0.0
        return max(self.low, min(float(low), 0.0)), min(self.high, max(float(high), 0.0))

    def entropy_range(self) -> tuple[float, float]:
        """The range beyond whose threshold clipping costs less information than finer steps inside it win.

        Of all thresholds the one of least Kullback-Leibler divergence between the magnitudes and what 8 bits make of
        them. Source: S. Migacz, "8-bit inference with TensorRT", GTC 2017. As in NVIDIA's later code, the zeros that
        a Relu leaves are no evidence: the first bin counts as its neighbour does.
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
    """KL divergence of the first `bins` magnitudes, all beyond them in the last, from their quantised form."""
    reference = magnitudes[:bins].copy()
    inside = reference.copy()
    reference[-1] += magnitudes[bins:].sum()
    level = np.minimum(np.arange(bins) * levels // bins, levels - 1)
    filled = inside > 0
    share = np.bincount(level[filled], minlength=levels).clip(1)
    quantised = np.where(filled, (np.bincount(level, inside, minlength=levels) / share)[level], 0.0)
    # A bin that holds clipped values only has no counterpart; a trace of one keeps the divergence finite.
    p, q = reference / max(reference.sum(), 1e-30), np.maximum(quantised / max(quantised.sum(), 1e-30), 1e-12)
    seen = p > 0
    return float(np.sum(p[seen] * np.log(p[seen] / q[seen])))
