"""Axes: places, ticks and labels."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sqnxt_tf.htmlreport.scales import MOST_TICKS, AxisScale, fixed, linear, logarithmic, short


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.0512, "0.0512"), (7, "7"), (999, "999"), (999.9, "1 k"), (1000, "1 k"), (288_129, "288 k"),
        (1_297_706, "1.3 M"), (999_990, "1 M"), (2.16e9, "2.16 G"),
    ],
)  # fmt: skip
def test_numbers_in_short(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0, 3, "0.000"), (1.29771, 3, "1.298"), (1234.5, 1, "1,234.5"), (0.0017, 3, "0.0017"), (0.04, 1, "0.04")],
)
def test_small_numbers_keep_digits_that_count(value: float, digits: int, text: str) -> None:
    assert fixed(value, digits) == text


def test_a_linear_axis_starts_at_nothing_and_runs_backwards_too() -> None:
    scale = linear([3, 10], 100, 0)
    assert (scale(0), scale(5), scale(10), scale(20)) == (100, 50, 0, 0)
    assert [tick.label for tick in scale.ticks()] == ["0", "2", "4", "6", "8", "10"]
    assert linear([], 0, 1).high == linear([0.0], 0, 1).high == 1


def test_a_logarithmic_axis_has_decades_or_their_parts() -> None:
    assert [tick.label for tick in logarithmic([1, 7], 0, 100).ticks()] == ["1", "2", "5"]
    assert [tick.label for tick in logarithmic([0.5, 500], 0, 100).ticks()] == ["1", "10", "100"]
    assert logarithmic([1, 100], 0, 100)(10) == 50
    one = logarithmic([1.0], 0, 100)
    assert one(1) == 0


@example(1.0, 999001000.0, True)
@given(st.floats(1e-9, 1e15), st.floats(1.01, 1e12), st.booleans())
def test_there_are_ticks_inside_every_axis_and_not_too_many(low: float, ratio: float, logs: bool) -> None:
    scale = AxisScale(low=low, high=low * ratio, start=0, end=100, logarithmic=True) if logs else linear([low], 0, 100)
    places = [tick.at for tick in scale.ticks()]
    assert len(places) <= MOST_TICKS
    assert places == sorted(places)
    assert all(0 <= place <= 100 for place in places)
    if not logs:
        assert len(places) >= 3
