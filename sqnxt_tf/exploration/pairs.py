"""Pairs of a large space as arrays: which network, on which accelerator, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.cost_tables import FIGURES, Figures
from sqnxt_tf.exploration.pareto import ObjectiveValues
from sqnxt_tf.exploration.space import figure_of

Places = NDArray[np.int64]

_NOT_ADDITIVE = {
    "accuracy": "is known of trained networks only, and layers have none of their own",
    "peak_activation_bytes": "is the largest moment of a run and not a sum over layers",
    "latency_ms": "is measured on a device, where layers do not add up",
}


class Pairs(NamedTuple):
    """Pairs of a network and an accelerator, one an entry of every array.

    Attributes:
        configurations: Indices of the networks' configurations.
        depths: Places among the combinations of depths, as `depth_sums` orders them.
        accelerators: Indices of the accelerators.
        sums: The figures that are sums over layers, float64 [pairs, figures].
        values: What is minimised, without the area, float64 [pairs, values].
    """

    configurations: Places
    depths: Places
    accelerators: Places
    sums: Figures
    values: ObjectiveValues

    @classmethod
    def joined(cls, parts: Sequence[Pairs]) -> Pairs:
        """Return the pairs of several parts."""
        configurations, depths, accelerators, sums, values = (np.concatenate(one) for one in zip(*parts, strict=True))
        return cls(configurations, depths, accelerators, sums, values)

    def chosen(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> Pairs:
        """Return some of the pairs."""
        return Pairs(
            self.configurations[which],
            self.depths[which],
            self.accelerators[which],
            self.sums[which],
            self.values[which],
        )


@dataclass(frozen=True, slots=True)
class Column:
    """A figure as a function of sums: a row of them, over the clock for a time; negative if it is maximised."""

    row: int
    is_time: bool
    is_maximised: bool

    @classmethod
    def of(cls, objective: str) -> Self:
        """Return the column of an objective or a figure other than the area."""
        figure = figure_of(objective)
        is_time = figure == "time_ms"
        return cls(FIGURES.index("cycles" if is_time else figure), is_time, figure != objective)

    def values(self, sums: Figures, clock_hz: float) -> Figures:
        """Return the values to minimise of sums, float64 [figures, networks]; there is no negative zero among them."""
        values: Figures = sums[self.row]
        if self.is_time:
            values = values / clock_hz * 1e3  # in the order of `costed`, to the last bit
        return 0.0 - values if self.is_maximised else values


@dataclass(frozen=True, slots=True)
class Wanted:
    """The columns of the objectives, those of the limits with their largest values, and the place of the area.

    `area` is 1 if the area is minimised, -1 if it is maximised and 0 if it is no objective.
    """

    columns: tuple[Column, ...]
    limits: tuple[tuple[Column, float], ...]
    most_area: float
    area: int

    @classmethod
    def of(cls, objectives: Sequence[str], limits: Mapping[str, float]) -> Self:
        """Return what is wanted of a search."""
        return cls(
            columns=tuple(Column.of(name) for name in objectives if figure_of(name) != "area"),
            limits=tuple((Column.of(name), limit) for name, limit in limits.items() if name != "area"),
            most_area=limits.get("area", np.inf),
            area=("area" in objectives) - ("+area" in objectives),
        )

    @property
    def has_limits(self) -> bool:
        """Whether anything is limited."""
        return bool(self.limits) or np.isfinite(self.most_area)

    def values(self, sums: Figures, clock_hz: float) -> Figures:
        """Return the values to minimise of sums, float64 [values, networks]; one of zeros if only the area counts."""
        values = np.zeros((max(len(self.columns), 1), sums.shape[1]))
        for place, column in enumerate(self.columns):
            values[place] = column.values(sums, clock_hz)
        return values

    def over_limits(self, sums: Figures, clock_hz: float) -> NDArray[np.bool_]:
        """Return for each network whether it is above a limit."""
        over = np.zeros(sums.shape[1], np.bool_)
        for column, limit in self.limits:
            over |= column.values(sums, clock_hz) > limit
        return over


def check_additive(objectives: Sequence[str]) -> None:
    """Refuse objectives that are not sums over layers.

    Raises:
        SqnxtError: There is one; the message says why it is none.
    """
    for name in map(figure_of, objectives):
        if name in _NOT_ADDITIVE:
            raise SqnxtError(
                f"objective {name}", _NOT_ADDITIVE[name], "leave it out, or sample the space with `trials=N`"
            )
