"""The true Pareto set of a space of any size, for figures that are sums over layers.

Every pair is looked at, as a sum of table entries and not as a network. Accelerators come one after another, small ones
first. On each of them

1. the networks that were the best on the one before are costed first, and fill a grid;
2. all networks are summed, configuration by configuration, and the grid drops most of those that are dominated;
3. the Pareto set of those that are left joins those of the other accelerators.

Before the sums, `stage_choices` leaves out depths of a stage that cannot be part of the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from time import monotonic
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.candidates import Candidate, costed
from sqnxt_tf.exploration.cost_tables import FIGURES, CostTables, Figures, Tables, depth_choices, depth_sums
from sqnxt_tf.exploration.dominance_grid import DominanceGrid
from sqnxt_tf.exploration.pairs import Pairs, Places, Wanted
from sqnxt_tf.exploration.pareto import ObjectiveValues, pareto_front
from sqnxt_tf.exploration.space import Point, Space
from sqnxt_tf.exploration.stage_choices import useful_entries
from sqnxt_tf.progress import Progress

MOST_MEMBERS = 1_000_000
"""The most members of a Pareto set that are kept: a gigabyte of memory."""

_ACCELERATORS = 64  # whose tables are in memory at once
_AT_ONCE = 2**14  # networks whose sums stay in a processor's cache
_SEEDS = 20_000  # networks that fill the first grid
_REPORT_SECONDS = 0.2


class ExactFront(NamedTuple):
    """The Pareto set of a space, and how many pairs have no network or tiling, or are over a limit."""

    members: list[Candidate]
    impossible: int
    over_limits: int


class _Choice(NamedTuple):
    """A configuration by its place, its costs on some accelerators, and the entries of each stage to be summed."""

    place: int
    tables: Tables
    entries: tuple[Places, ...]
    may_not_fit: bool

    def sums(self, accelerator: int, entries: Sequence[Places]) -> Figures:
        """Return the sums of all combinations of some entries, float64 [figures, networks]."""
        stages = [stage[accelerator][:, chosen] for stage, chosen in zip(self.tables.stages, entries, strict=True)]
        return depth_sums(self.tables.frame[accelerator], stages)


def exact_front(space: Space, objectives: Sequence[str], limits: Mapping[str, float], progress: Progress) -> ExactFront:
    """Return all pairs of a space within the limits that no other one dominates, the best in the first objective first.

    Raises:
        SqnxtError: The Pareto set has more than `MOST_MEMBERS` members.
        SimulatorError: A layer has too many tilings to search.
    """
    search = _ExactSearch(space, Wanted.of(objectives, limits), progress)
    search.visit_all()
    return ExactFront(search.members(), search.impossible, search.over_limits)


class _ExactSearch:
    """The accelerators that were visited, and the Pareto set of what was found on them."""

    def __init__(self, space: Space, wanted: Wanted, progress: Progress) -> None:
        self.impossible = self.over_limits = self._done = 0
        self._space, self._wanted, self._progress = space, wanted, progress
        self._tables = CostTables(space, progress)
        self._lengths = tuple(map(len, self._tables.stages))
        self._allowed = np.zeros(prod(self._lengths), np.bool_)
        self._allowed[[place for place, _ in depth_choices(space)]] = True
        self._networks = int(np.count_nonzero(self._allowed))  # of a configuration
        self._found: list[Pairs] = []
        self._best = self._sample()
        self._began = self._reported = monotonic()
        self._kept = 0

    def visit_all(self) -> None:
        """Visit every accelerator, small ones first where the area counts: no later one beats an earlier one there."""
        everywhere = sorted(
            range(len(self._space.accelerators)), key=lambda one: self._wanted.area * self._space.areas[one]
        )
        for begin in range(0, len(everywhere), _ACCELERATORS):
            places = everywhere[begin : begin + _ACCELERATORS]
            made = [self._choice(index, places) for index in range(len(self._tables.configurations))]
            choices = [choice for choice in made if choice is not None]
            for order, place in enumerate(places if choices else ()):
                self._visit(choices, order, place)

    def members(self) -> list[Candidate]:
        """Return the Pareto set as candidates."""
        found: list[Candidate] = []
        if self._found:
            self._reduce()
        for pairs in self._found:
            depths = np.stack(np.unravel_index(pairs.depths, self._lengths), axis=1).tolist()
            rows = zip(
                pairs.configurations.tolist(), depths, pairs.accelerators.tolist(), pairs.sums.tolist(), strict=True
            )
            for index, entries, accelerator, sums in rows:
                configuration = self._tables.configurations[index]
                assert configuration is not None
                spec, input_size = self._tables.network(configuration, entries)
                found.append(costed(self._space, Point(spec, input_size, accelerator), sums))
        return found

    def _sample(self) -> tuple[Places, Places]:
        """Return configurations and depths of networks from all over the space."""
        possible = [index for index, one in enumerate(self._tables.configurations) if one is not None]
        depths = np.flatnonzero(self._allowed)
        each = np.linspace(0, len(depths) - 1, min(len(depths), _SEEDS // max(len(possible), 1) + 1)).astype(np.int64)
        return np.repeat(np.array(possible, np.int64), len(each)), np.tile(depths[each], len(possible))

    def _choice(self, index: int, places: Sequence[int]) -> _Choice | None:
        """Return the costs of a configuration on some accelerators; None if it has no network."""
        configuration = self._tables.configurations[index]
        if configuration is None:
            self.impossible += self._networks * len(places)
            self._done += self._networks * len(places)
            return None
        tables = self._tables.tables(configuration, places)
        fits = all(np.isfinite(part).all() for part in (tables.frame, *tables.stages))
        entries = tuple(np.arange(length) for length in self._lengths)
        if fits and not self._wanted.has_limits and self._allowed.all():  # otherwise each network is to be counted
            entries = useful_entries(tables, self._wanted.columns)
        return _Choice(index, tables, entries, may_not_fit=not fits)

    def _visit(self, choices: Sequence[_Choice], order: int, place: int) -> None:
        """Find the Pareto set of an accelerator, the `order`-th of the tables."""
        known = self._known(choices, order, place)
        grid = DominanceGrid(known) if len(known) else None
        passed: list[tuple[Places, Places]] = []
        values: list[ObjectiveValues] = []
        for choice in choices:
            for entries in self._portions(choice):
                sums = choice.sums(order, entries)
                which, columns = self._passing(choice, entries, sums, place, grid)
                passed.append((np.full(len(which), choice.place), self._depths(entries, which)))
                values.append(columns[:, which].T)
            self._report(self._networks)
        configurations, depths = (np.concatenate(part) for part in zip(*passed, strict=True))
        front = pareto_front(np.concatenate(values))
        self._best = configurations[front], depths[front]
        self._add(self._pairs(choices, order, place))

    def _known(self, choices: Sequence[_Choice], order: int, place: int) -> ObjectiveValues:
        """Return the values of pairs that are no worse in the area: the best networks so far, and the Pareto set."""
        best = self._pairs(choices, order, place)
        within = np.isfinite(best.sums[:, 0]) & ~self._over_limits(best.sums.T, place)
        return np.concatenate((best.values[within], *(pairs.values for pairs in self._found)))

    def _portions(self, choice: _Choice) -> Iterator[tuple[Places, ...]]:
        """Yield the entries of a configuration in portions whose sums stay in a processor's cache."""
        first, *others = choice.entries
        step = max(_AT_ONCE // prod(map(len, others)), 1)
        for begin in range(0, len(first), step):
            yield (first[begin : begin + step], *others)

    def _passing(
        self, choice: _Choice, entries: Sequence[Places], sums: Figures, place: int, grid: DominanceGrid | None
    ) -> tuple[Places, Figures]:
        """Return which networks may be in the Pareto set, and the values of all; count those that cannot be."""
        passing = self._allowed.reshape(self._lengths)[np.ix_(*entries)].ravel()
        if choice.may_not_fit:
            fits = np.isfinite(sums[0])
            self.impossible += int(np.count_nonzero(passing & ~fits))
            passing &= fits
        if self._wanted.has_limits:
            over = self._over_limits(sums, place)
            self.over_limits += int(np.count_nonzero(passing & over))
            passing &= ~over
        columns = self._wanted.values(sums, self._clock_hz(place))
        if grid is not None:
            passing &= ~grid.dominates(columns)
        return np.flatnonzero(passing), columns

    def _over_limits(self, sums: Figures, place: int) -> NDArray[np.bool_]:
        over = self._wanted.over_limits(sums, self._clock_hz(place))
        return over | (self._space.areas[place] > self._wanted.most_area)

    def _depths(self, entries: Sequence[Places], which: Places) -> Places:
        """Return the places among all combinations of depths for places among those of some entries."""
        each = np.unravel_index(which, tuple(map(len, entries)))
        chosen = tuple(stage[entry] for stage, entry in zip(entries, each, strict=True))
        return np.asarray(np.ravel_multi_index(chosen, self._lengths))

    def _pairs(self, choices: Sequence[_Choice], order: int, place: int) -> Pairs:
        """Return the best networks so far on an accelerator."""
        configurations, depths = self._best
        sums = np.empty((len(depths), len(FIGURES)))
        entries = np.unravel_index(depths, self._lengths)
        by_configuration = np.argsort(configurations, kind="stable")
        bounds = np.searchsorted(configurations[by_configuration], [one.place for one in choices])
        for choice, mine in zip(choices, np.split(by_configuration, bounds)[1:], strict=True):
            total = choice.tables.frame[order]
            for stage, entry in zip(choice.tables.stages, entries, strict=True):
                total = total + stage[order][:, entry[mine]]
            sums[mine] = total.T
        accelerators = np.full(len(depths), place)
        values = self._wanted.values(sums.T, self._clock_hz(place)).T
        return Pairs(configurations, depths, accelerators, sums, values)

    def _add(self, pairs: Pairs) -> None:
        """Add the Pareto set of an accelerator, and drop what is dominated whenever twice as much has come together."""
        self._found.append(pairs)
        count = sum(len(one.depths) for one in self._found)
        if count > max(2 * self._kept, MOST_MEMBERS // 4):
            self._reduce()

    def _reduce(self) -> None:
        pairs = Pairs.joined(self._found)
        areas = self._wanted.area * np.array(self._space.areas)[pairs.accelerators]
        pairs = pairs.chosen(pareto_front(np.column_stack((pairs.values, areas))))
        self._found, self._kept = [pairs], len(pairs.depths)
        if self._kept > MOST_MEMBERS:
            raise SqnxtError(
                self._space.name,
                f"has more than {MOST_MEMBERS:,} pairs that none found so far dominates",
                "give fewer objectives, some `limits`, or fewer values of a dimension",
            )

    def _clock_hz(self, place: int) -> float:
        return self._space.accelerators[place].array.clock_hz

    def _report(self, networks: int) -> None:
        self._done += networks
        now = monotonic()
        if now - self._reported > _REPORT_SECONDS or self._done == self._space.size:
            self._reported = now
            task = f"summing the {self._space.size:,} pairs of {self._space.name}"
            self._progress(
                task, self._done, self._space.size, pairs_per_second=self._done / max(now - self._began, 1e-9)
            )
