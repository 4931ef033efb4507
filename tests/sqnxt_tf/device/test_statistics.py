from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqnxt_tf.device.statistics import median, middle_mean, percentiles, ratio


@pytest.mark.parametrize("count", [6, 20, 101, 600])
def test_the_interval_holds_the_median_as_often_as_it_says(count: int) -> None:
    random = np.random.default_rng(1)
    samples = random.exponential(size=(2000, count))  # a long tail, as times have
    held = [one.low <= np.log(2) <= one.high for one in map(median, samples)]
    assert 0.94 < np.mean(held) < 0.99  # order statistics come in steps, and never hold less than they say


def test_known_places_of_the_order_statistics() -> None:
    """Compare with sign-test tables: 6 values hold the median between first and last, 20 between 6th and 15th."""
    assert median(np.arange(1.0, 7.0)) == median(np.array([6.0, 1, 5, 2, 4, 3]))
    six, twenty = median(np.arange(1.0, 7.0)), median(np.arange(1.0, 21.0))
    assert (six.low, six.value, six.high) == (1, 3.5, 6)
    assert (twenty.low, twenty.value, twenty.high) == (6, 10.5, 15)


@given(st.lists(st.floats(0.1, 1e6), min_size=1, max_size=40))
def test_an_interval_holds_its_value(values: list[float]) -> None:
    found = median(np.array(values))
    assert found.low <= found.value <= found.high
    assert found.half_width >= 0


def test_drift_cancels_in_a_ratio_and_not_in_medians() -> None:
    random = np.random.default_rng(0)
    drift = np.linspace(1, 3, 60)
    slow, fast = (factor * drift * random.normal(1, 0.01, 60) for factor in (2, 1))
    found = ratio(slow, fast)
    assert found.low < 2 < found.high
    assert found.half_width < 0.01
    assert median(slow).half_width > 0.1


def test_the_middle_mean_is_finer_than_the_clock_and_does_not_mind_outliers() -> None:
    assert middle_mean(np.array([1.0, 1, 1, 2, 2, 2, 2, 900])) == pytest.approx(1.75)
    assert middle_mean(np.array([7.0])) == 7


def test_percentiles_are_named() -> None:
    assert percentiles(np.arange(101.0)) == {"p50": 50, "p90": 90, "p99": 99}
