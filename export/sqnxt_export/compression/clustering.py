"""Weight sharing: k-means replaces a tensor's non-zero weights by at most 2**bits - 1 values. Zero stays zero.

In one dimension, k-means needs only the sorted weights and their running sums: clusters are ranges of the sorted
weights, so each step of k-means takes k binary searches, whatever the number of weights, and uses no approximation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.errors import ExportError

BITS = (1, 8)
"""Fewest and most bits per clustered weight (2**bits - 1 values plus zero)."""
_STEPS = 300  # most steps of k-means, which usually stops earlier
_DROPPED_BITS = 13
"""Number of bits that are cleared of the 23 bits of a centroid's mantissa, which leaves 10 as in float16. The relative
error of 1/2048 is far below that of clustering, and a codebook takes half the bytes."""


def share_weights(weights: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Replace each weight by its cluster's centroid, so that at most 2**bits - 1 values remain besides zero.

    Centroids start evenly spaced over the range of the weights ("linear initialisation", section 3.1 of Deep
    Compression, arXiv 1510.00149).
    This keeps some of them for the few large weights, which matter most. The gap that pruning leaves around zero gets
    no centroid.

    Args:
        weights: An array of any shape, which is left unchanged.
        bits: Bits per clustered weight.

    Raises:
        ExportError: `bits` is out of range, or a weight is not finite.
    """
    check_bits(bits)
    if not np.isfinite(weights).all():
        raise ExportError(
            "weights", "are not all finite and cannot be shared", "train the model again with a lower learning rate"
        )
    values, inverse = np.unique(weights, return_inverse=True)
    return shared_values(values, np.bincount(inverse.ravel(), minlength=values.size), bits)[inverse].reshape(
        weights.shape
    )


def shared_values(values: NDArray[np.float32], counts: NDArray[np.int64], bits: int) -> NDArray[np.float32]:
    """Return the centroid of each of the distinct, sorted `values` [n], which occur `counts` [n] times; float32 [n]."""
    kept = values != 0
    points, weights = values[kept].astype(np.float64), counts[kept].astype(np.float64)
    result = np.zeros(values.size, np.float32)
    if points.size:
        centroids, edges = _lloyd(points, weights, _linear_start(points, (1 << bits) - 1))
        result[kept] = np.repeat(_rounded(centroids), np.diff(edges))
    return result


def check_bits(bits: int) -> None:
    """Refuse a number of bits outside `BITS`.

    Raises:
        ExportError: It is out of range.
    """
    low, high = BITS
    if not low <= bits <= high:
        raise ExportError(f"bits {bits}", "is out of range", f"give {low} to {high} bits, 6 as in Deep Compression")


def check_density(density: float) -> None:
    """Refuse a density that is not above 0 and at most 1.

    Raises:
        ExportError: The fraction is not above 0 and at most 1.
    """
    if not 0 < density <= 1:
        raise ExportError(f"density {density}", "is out of range", "give the fraction of weights to keep, as in 0.33")


def keep_largest(weights: NDArray[np.float32], density: float) -> NDArray[np.float32]:
    """Return a copy that keeps the fraction `density` of the weights, the largest ones, and is zero elsewhere.

    Raises:
        ExportError: See `check_density`.
    """
    check_density(density)
    dropped = weights.size - max(round(density * weights.size), 1)
    result = weights.copy()
    if dropped > 0:
        result.ravel()[np.argpartition(np.abs(weights).ravel(), dropped)[:dropped]] = 0
    return result


def _linear_start(points: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return at most `count` initial centroids, evenly spaced over the range of each sign.

    The centroids are divided between the signs in proportion to their ranges. Worked example: 3 centroids for points
    from -1 to -0.5 and from 0.5 to 1.5 are -1, 0.5 and 1.5.
    """
    if points.size <= count:
        return points
    sides = [side for side in (points[points < 0], points[points > 0]) if side.size]
    if len(sides) == 1 or count == 1:
        return np.linspace(points[0], points[-1], count) if count > 1 else np.array([points.mean()])
    spans = [side[-1] - side[0] for side in sides]
    negative = round(count * spans[0] / sum(spans)) if sum(spans) else count // 2
    negative = min(max(negative, 1), count - 1)
    return np.concatenate(
        [np.linspace(side[0], side[-1], n) for side, n in zip(sides, (negative, count - negative), strict=True)]
    )


def _lloyd(
    points: NDArray[np.float64], weights: NDArray[np.float64], centroids: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Run k-means on sorted, weighted points from given sorted centroids.

    Returns:
        The centroids that have points, [k], and the bounds of their clusters among the points, [k + 1].
    """
    mass = np.concatenate([[0.0], np.cumsum(weights)])
    moment = np.concatenate([[0.0], np.cumsum(weights * points)])
    edges = np.zeros(0, np.int64)
    for _ in range(_STEPS):
        inner = np.searchsorted(points, (centroids[1:] + centroids[:-1]) / 2)
        bounds = np.concatenate([[0], inner, [points.size]])
        if np.array_equal(bounds, edges):
            break
        edges = bounds
        inside = np.diff(mass[edges])
        centroids = np.where(inside > 0, np.diff(moment[edges]) / np.where(inside > 0, inside, 1), centroids)
    used = np.diff(edges) > 0
    return centroids[used], np.concatenate([edges[:-1][used], [points.size]])


def _rounded(centroids: NDArray[np.float64]) -> NDArray[np.float32]:
    """Round to the nearest float32 whose last `_DROPPED_BITS` are zero, but never to zero or infinity."""
    bits = centroids.astype(np.float32).view(np.uint32)
    half, mask = np.uint32(1 << (_DROPPED_BITS - 1)), np.uint32(0xFFFFFFFF << _DROPPED_BITS & 0xFFFFFFFF)
    rounded = ((bits + half) & mask).view(np.float32)
    usable = np.isfinite(rounded) & (rounded != 0)
    return np.where(usable, rounded, bits.view(np.float32))
