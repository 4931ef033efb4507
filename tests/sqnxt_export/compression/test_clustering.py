"""Weight sharing: k-means in one dimension, compared with plain k-means; zeros, pruning, rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sqnxt_export import ExportError, keep_largest, share_weights
from sqnxt_export.compression import clustering

FLOATS = st.floats(-4, 4, width=32).map(lambda value: 0.0 if abs(value) < 1e-3 else value)
WEIGHTS = arrays(np.float32, st.integers(1, 200), elements=FLOATS)
Weights = np.ndarray[Any, np.dtype[np.float32]]


def brute_force(weights: Weights, centroids: Weights) -> Weights:
    """Run Lloyd's algorithm with all distances in float64, from the same start."""
    points = weights.astype(np.float64)
    for _ in range(1000):
        # a point halfway belongs to the upper cluster, as in the binary search
        distances = np.abs(points[:, None] - centroids[None])
        nearest = len(centroids) - 1 - np.argmin(distances[:, ::-1], axis=1)
        moved = np.array([points[nearest == k].mean() if (nearest == k).any() else c for k, c in enumerate(centroids)])
        if np.array_equal(moved, centroids):
            break
        centroids = moved
    return centroids[nearest]


@given(WEIGHTS, st.integers(1, 8))
@settings(max_examples=150, deadline=None)
def test_sharing_leaves_few_values_and_zeros_where_they_were(weights: Weights, bits: int) -> None:
    shared = share_weights(weights, bits)
    assert shared.shape == weights.shape
    assert len(np.unique(shared[weights != 0])) <= 2**bits - 1
    assert not shared[weights == 0].any()
    assert not (shared.view(np.uint32) & 0x1FFF).any()  # 10 bits of mantissa
    assert np.array_equal(share_weights(shared, bits), shared) or len(np.unique(shared)) < len(np.unique(weights))


@given(WEIGHTS, st.integers(1, 8))
@settings(max_examples=50, deadline=None)
def test_few_values_stay_themselves(weights: Weights, bits: int) -> None:
    few = weights[: 2**bits - 1]
    assert share_weights(few, bits) == pytest.approx(few, rel=2**-11)


@pytest.mark.parametrize("bits", [2, 4, 6])
def test_the_binary_searches_do_what_all_distances_would(bits: int) -> None:
    weights = keep_largest(np.random.default_rng(0).normal(size=700).astype(np.float32), 0.5)
    points = np.sort(weights[weights != 0]).astype(np.float64)
    expected = np.zeros(700)
    expected[weights != 0] = brute_force(weights[weights != 0], clustering._linear_start(points, 2**bits - 1))
    assert share_weights(weights, bits) == pytest.approx(expected, rel=2**-10)


def test_k_means_improves_on_even_spacing_and_more_bits_on_fewer() -> None:
    weights = keep_largest(np.random.default_rng(1).normal(size=(64, 50)).astype(np.float32), 0.33)
    errors = []
    for bits in range(1, 9):
        errors.append(float(np.square(share_weights(weights, bits) - weights).sum()))
    assert errors == sorted(errors, reverse=True)
    points = np.sort(weights[weights != 0]).astype(np.float64)
    even = clustering._linear_start(points, 63)
    linear = float(np.square(np.abs(points[:, None] - even[None]).min(axis=1)).sum())
    assert errors[5] < 0.9 * linear


def test_hardly_a_value_is_spent_on_the_gap_that_pruning_leaves() -> None:
    weights = keep_largest(np.random.default_rng(2).normal(size=20000).astype(np.float32), 0.33)
    assert len(np.unique(share_weights(weights, 6))) > 56  # a quarter of the range is the gap around zero


@given(WEIGHTS, st.floats(0.01, 1))
@settings(max_examples=100, deadline=None)
def test_pruning_keeps_the_largest(weights: Weights, density: float) -> None:
    kept = keep_largest(weights, density)
    count = max(round(density * weights.size), 1)
    assert np.count_nonzero(kept) == min(count, np.count_nonzero(weights))
    assert np.array_equal(kept[kept != 0], weights[kept != 0])
    assert np.abs(weights[kept == 0]).max(initial=0) <= np.abs(kept[kept != 0]).min(initial=np.inf)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: share_weights(np.ones(4, np.float32), 0), "bits 0"),
        (lambda: share_weights(np.ones(4, np.float32), 9), "bits 9"),
        (lambda: share_weights(np.array([1, np.nan], np.float32), 6), "not all finite"),
        (lambda: keep_largest(np.ones(4, np.float32), 0), "density 0"),
        (lambda: keep_largest(np.ones(4, np.float32), float("nan")), "density nan"),
    ],
)
def test_bad_requests_are_told(call: Any, words: str) -> None:
    with pytest.raises(ExportError, match=words):
        call()
