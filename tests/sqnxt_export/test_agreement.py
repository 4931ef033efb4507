"""Top-1 agreement is judged with its interval: a small sample neither condemns an artifact nor clears one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqnxt_base.proportion import wilson_interval
from sqnxt_export.agreement import Agreement, judge_agreement
from sqnxt_export.parity import Judging, compare_all
from sqnxt_export.thresholds import MIN_AGREEMENT


def judged(kept: int, samples: int, precision: str = "int8", allowed_drop: float = 0.0) -> Agreement:
    """Judge a two-class model that keeps so many of its answers."""
    reference = np.tile([0.0, 1.0], (samples, 1))
    return judge_agreement(reference, np.arange(samples) < kept, precision, allowed_drop)


def test_one_artifact_gets_one_verdict_whatever_the_number_of_samples() -> None:
    """98.4 % of 128 samples used to fail, and 99.4 % of 341 to pass."""
    few, many = judged(126, 128), judged(339, 341)
    assert (few.reason, many.reason) == ("", "")
    assert few.unsure
    assert many.unsure


@pytest.mark.parametrize(
    ("kept", "samples", "verdict"),
    [
        (128, 128, "kept"),
        (127, 128, "unsure"),
        (124, 128, "lost"),
        (98, 100, "unsure"),
        (950, 1000, "lost"),
        (999, 1000, "kept"),
        (9_800, 10_000, "lost"),
        (9_899, 10_000, "unsure"),
        (9_950, 10_000, "kept"),
    ],
)
def test_the_verdict(kept: int, samples: int, verdict: str) -> None:
    found = judged(kept, samples)
    assert ("lost" if found.reason else "unsure" if found.unsure else "kept") == verdict


@given(
    st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.sampled_from(sorted(MIN_AGREEMENT)),
    st.floats(0, 0.2),
)
def test_it_fails_exactly_where_the_whole_interval_is_below_the_minimum(
    counts: tuple[int, int], precision: str, allowed: float
) -> None:
    found, (low, high) = judged(*counts, precision, allowed), wilson_interval(*counts)
    minimum = MIN_AGREEMENT[precision] - allowed
    assert found.interval == pytest.approx((low, high))
    assert bool(found.reason) == (high < minimum)
    assert not (found.reason and found.unsure)
    if found.unsure:
        assert low < minimum <= high


def test_what_may_be_lost_is_not_held_against_it() -> None:
    assert judged(120, 128).reason
    assert not judged(120, 128, allowed_drop=0.05).reason
    assert judged(100, 128, allowed_drop=0.05).reason
    assert judged(127, 128, "int16").reason  # one clear answer is lost
    assert not judged(127, 128, "int16", allowed_drop=0.01).reason


def test_the_pixels_of_a_map_do_not_narrow_its_interval() -> None:
    """The pixels of one picture are alike: 8 pictures of 10,000 pixels are 8 observations."""
    random = np.random.default_rng(0)
    reference = random.normal(size=(8, 100, 100, 3)).astype(np.float32)
    values = reference.copy()
    values[:, :3] = np.roll(values[:, :3], 1, axis=-1)
    parity = compare_all([("map", reference)], [values], "int8", Judging(trained=True, task="map"))
    output = parity.outputs[0]
    assert output.top1_interval is not None
    assert output.top1_agreement is not None
    low, high = output.top1_interval
    assert output.unsure
    assert high - low == pytest.approx(np.ptp(wilson_interval(8 * output.top1_agreement, 8)))
