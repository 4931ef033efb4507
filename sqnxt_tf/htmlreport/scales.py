"""Axes: the place of a value, the round values that get a line and a label, and the format of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

MOST_TICKS = 7
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis, in the chart's units."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisScale:
    """Maps values from `low` to `high` to the chart's units from `start` to `end`, in either direction."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of a value; a value outside of the scale is placed at its end."""
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self) -> list[Tick]:
        """Return three to seven round values inside the scale, or fewer on a short logarithmic one."""
        values = _log_steps(self.low, self.high) if self.logarithmic else _linear_steps(self.low, self.high)
        return [Tick(self(value), short(value)) for value in values]


def linear(values: Iterable[float], start: float, end: float, *, at_least: float = 0.0) -> AxisScale:
    """Return a scale from 0 to the largest value, or to `at_least` if that is larger."""
    return AxisScale(low=0.0, high=max([*values, at_least]) or 1.0, start=start, end=end)


def logarithmic(values: Iterable[float], start: float, end: float, *, room: float = 1.0) -> AxisScale:
    """Return a logarithmic scale over the positive values, with a factor of `room` at both ends.

    Its end is at least twice its beginning.
    """
    positive = [value for value in values if value > 0] or [1.0]
    low, high = min(positive) / room, max(positive) * room
    return AxisScale(low=low, high=max(high, 2 * low), start=start, end=end, logarithmic=True)


def short(value: float) -> str:
    """Format a number with three digits and a prefix: `1.2 M`, `340 k`, `0.05`."""
    for size, prefix in _PREFIXES:
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g} {prefix}"
    return f"{value:.3g}"


def fixed(value: float, digits: int) -> str:
    """Format a number with `digits` decimals and separated thousands; a small value keeps two significant digits."""
    text = f"{value:,.{digits}f}"
    return text if not value or abs(value) >= 10 ** (1 - digits) else f"{value:.2g}"


def shape_text(shapes: Iterable[tuple[int, ...]]) -> str:
    """Return the largest of a graph's inputs, which is the image, as in `1×3×227×227`; empty if no shape is known."""
    return "×".join(map(str, max(shapes, key=math.prod, default=())))


def _linear_steps(low: float, high: float) -> list[float]:
    rough = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * min((factor for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999), default=10)
    first = math.ceil(low / step)
    return [step * index for index in range(first, math.floor(high / step * (1 + 1e-9)) + 1)]


def _log_steps(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 of each decade, or only the decades if there are many."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    wide = math.log10(high / low) > 1.8
    step = math.ceil(len(decades) / MOST_TICKS)
    factors = (1.0,) if wide else (1.0, 2.0, 5.0)
    values = [factor * 10.0**decade for decade in decades[::step] for factor in factors]
    return [value for value in values if low * 0.999 <= value <= high * 1.001]
