"""The parts of a chart: marks, frames, and segments of stacked bars, in the units of the chart's own viewBox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqnxt_tf.htmlreport.scales import Tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A bar (`width` x `height`) or a dot (`radius`) of one layer. `kind` is its dataflow, `tip` the text for it."""

    x: float
    y: float
    width: float = 0.0
    height: float = 0.0
    radius: float = 0.0
    kind: str
    layer: int
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The size of a chart, and the area of the plot between its axes."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float


WIDE = Frame(width=880, height=270, left=62, right=872, top=30, bottom=232)
SQUARE = Frame(width=560, height=424, left=78, right=532, top=48, bottom=364)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart of marks and axes.

    `says` describes it for screen readers, `lines` are the points of polylines, and `texts` have x, y, anchor and text.
    """

    name: str
    title: str
    says: str
    x_label: str
    y_label: str
    frame: Frame
    marks: Sequence[Mark]
    x_ticks: Sequence[Tick] = ()
    y_ticks: Sequence[Tick] = ()
    lines: Sequence[str] = ()
    texts: Sequence[tuple[float, float, str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of a stacked bar. `share` is its fraction of the bar."""

    x: float
    width: float
    kind: str
    share: float
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One stacked bar of the energy chart."""

    label: str
    figure: str
    segments: Sequence[Segment] = field(default_factory=tuple)
