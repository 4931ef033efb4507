"""Histograms whose range grows in bounded memory, and the ranges that each method reads from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqnxt_export import CALIBRATION_METHODS, ArtifactOptions, ExportError, quantise_onnx, to_onnx
from sqnxt_export.quantise.calibration import calibrate
from sqnxt_export.quantise.histogram import HALF_BINS, Histogram


def _histogram(*parts: Any) -> Histogram:
    histogram = Histogram()
    for part in parts:
        histogram.add(np.asarray(part, np.float32))
    return histogram


@given(st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20), min_size=1, max_size=6))
def test_every_value_is_counted_once_whatever_the_order(parts: list[list[float]]) -> None:
    forward, backward = _histogram(*parts), _histogram(*reversed(parts))
    values = np.concatenate([np.asarray(part, np.float32) for part in parts])
    assert forward.counts.sum() == len(values)
    assert forward.counts.shape == (2 * HALF_BINS,)
    assert (forward.low, forward.high) == (min(values.min(), 0), max(values.max(), 0))
    assert forward.limit == backward.limit >= np.abs(values).max()
    # Values that underflow when they are scaled to bins count as zero; those close to float32's smallest may.
    assert (values < -(2.0**-100)).sum() <= forward.counts[:HALF_BINS].sum() <= (values < 0).sum()
    if np.abs(values[values != 0]).min(initial=1) > 1e-6 * max(forward.limit, 1):
        np.testing.assert_array_equal(forward.counts, backward.counts)


def test_percentile_is_that_of_all_values_within_a_bin() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=200_000).astype(np.float32)
    histogram = _histogram(*np.split(values, 20))
    low, high = histogram.percentile_range(99)
    bin_width = histogram.limit / HALF_BINS
    assert (low, high) == pytest.approx(np.quantile(values, [0.005, 0.995]), abs=2 * bin_width)
    positive = _histogram(np.abs(values))
    assert positive.percentile_range(99) == pytest.approx((0, np.quantile(np.abs(values), 0.99)), abs=2 * bin_width)
    assert histogram.percentile_range(100) == (histogram.low, histogram.high)


def test_entropy_clips_a_lone_outlier_and_not_the_body() -> None:
    body = np.random.default_rng(1).normal(size=100_000).astype(np.float32)
    low, high = _histogram(body, [400.0]).entropy_range()
    assert high < 40
    assert low == body.min()
    uniform = np.random.default_rng(2).uniform(0, 3, 100_000).astype(np.float32)
    assert _histogram(uniform).entropy_range() == pytest.approx((0, 3), rel=0.01)


@pytest.mark.parametrize("values", [[0.0], [0.0, 5.0], [-1e-30], [3e38, -3e38]])
def test_degenerate_values_give_a_range_that_holds_zero(values: list[float]) -> None:
    histogram = _histogram(values)
    for low, high in (histogram.percentile_range(99.99), histogram.entropy_range()):
        assert histogram.low <= low <= 0 <= high <= histogram.high


def test_clipping_methods_narrow_ranges_and_keep_the_extremes(models: Any, images: Any) -> None:
    graph = to_onnx(models["squeezenext_like"])
    found = {method: calibrate(graph, images, method) for method in CALIBRATION_METHODS}
    plain = found["minmax"]
    assert plain.ranges == plain.extremes
    for calibration in found.values():
        assert calibration.samples == len(images)
        assert calibration.extremes == plain.extremes
        for name, (low, high) in calibration.ranges.items():
            assert plain.ranges[name][0] <= low <= 0 <= high <= plain.ranges[name][1]
    assert found["entropy"].ranges != plain.ranges != found["percentile"].ranges
    int8 = {method: quantise_onnx(graph, "int8", images, method) for method in CALIBRATION_METHODS}
    assert len({model.SerializeToString() for model in int8.values()}) == 3
    for model in int8.values():
        onnx.checker.check_model(model)


@pytest.mark.parametrize(
    ("format", "precision", "method", "words"),
    [
        ("tflite", "int8", "entropy", "calibrates by min-max itself"),
        ("onnx", "int16", "percentile", "16 bits can afford min-max with headroom"),
        ("onnx", "float16", "entropy", "is not calibrated"),
        ("onnx", "int8", "guess", "unknown; use one of minmax, percentile, entropy"),
    ],
)
def test_a_method_without_effect_is_refused(format: str, precision: str, method: str, words: str) -> None:
    with pytest.raises(ExportError, match=words):
        ArtifactOptions(format=format, precision=precision, calibration_method=method)
