"""The result of a search: all candidates, the Pareto set, and the ranks of listed networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sqnxt_tf.exploration.candidates import Candidate
from sqnxt_tf.exploration.families import FAMILIES
from sqnxt_tf.exploration.pareto import ObjectiveValues, dominators, pareto_front, rank_of
from sqnxt_tf.exploration.space import Space, to_minimise
from sqnxt_tf.networks.registry import find_network


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The ranks of a listed network among the candidates on its accelerator and input size.

    `places` are its ranks by objective, 1 for the best. `dominators` are better in one objective and no worse in any.
    """

    candidate: Candidate
    among: int
    places: Mapping[str, int]
    dominators: tuple[Candidate, ...]

    def to_json(self) -> dict[str, Any]:
        """Return an entry of `named`."""
        return {
            **self.candidate.to_json(),
            "paper_name": find_network(self.candidate.network).paper_name,
            "among": self.among,
            "places": dict(self.places),
            "dominated_by": len(self.dominators),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRatio:
    """A figure of a network on one accelerator over the same figure on another one."""

    candidate: Candidate
    value: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a search. `candidates` are the points that could be costed and are within the limits.

    `method` tells how they were found. `asked` counts the points that were evaluated, `impossible` those without a
    network or a tiling, and `over_limits` those above a limit. With `only_front`, `candidates` are the Pareto set
    alone, and so nothing has a rank.
    """

    space: Space
    objectives: tuple[str, ...]
    limits: Mapping[str, float]
    method: str
    candidates: tuple[Candidate, ...]
    asked: int
    impossible: int
    over_limits: int
    only_front: bool = False

    @cached_property
    def front(self) -> tuple[Candidate, ...]:
        """The Pareto set, sorted by the first objective and then by the others."""
        if not self.candidates:
            return ()
        if self.only_front:
            chosen = list(self.candidates)
        else:
            chosen = [self.candidates[index] for index in pareto_front(self.figures(self.candidates))]
        return tuple(sorted(chosen, key=lambda one: tuple(to_minimise(name, one.figures) for name in self.objectives)))

    def figures(self, candidates: tuple[Candidate, ...]) -> ObjectiveValues:
        """Return the objectives of candidates, smaller for the better, float64 [candidates, objectives]."""
        values = [[to_minimise(name, one.figures) for name in self.objectives] for one in candidates]
        return np.array(values, np.float64)

    def named(self) -> Iterator[Standing]:
        """Yield the ranks of each listed network of the space, in the order of `sqnxt-tf list`."""
        if self.only_front:
            return
        listed = {spec: order for order, spec in enumerate(FAMILIES[self.space.family].listed.values())}
        mine = [candidate for candidate in self.candidates if candidate.spec in listed]
        for candidate in sorted(mine, key=lambda one: listed[one.spec]):
            yield self.standing(candidate)

    def standing(self, candidate: Candidate) -> Standing:
        """Return the ranks of a candidate among those on its accelerator and input size."""
        peers = self._peers[candidate.accelerator, candidate.input_size]
        values, own = self._figures_of[candidate.accelerator, candidate.input_size], self.figures((candidate,))[0]
        return Standing(
            candidate=candidate,
            among=len(peers),
            places={name: rank_of(values[:, i], own[i]) for i, name in enumerate(self.objectives)},
            dominators=tuple(peers[index] for index in dominators(values, own)),
        )

    def ratios(self, accelerator: str, over: str, figure: Callable[[Candidate], float]) -> list[FigureRatio]:
        """Return each network's figure on `accelerator` over its figure on `over`, smallest first."""
        there = {(one.spec, one.input_size): one for one in self.candidates if one.accelerator == over}
        found = [
            FigureRatio(candidate=one, value=figure(one) / figure(there[one.spec, one.input_size]))
            for one in self.candidates
            if one.accelerator == accelerator and (one.spec, one.input_size) in there
        ]
        return sorted(found, key=lambda ratio: ratio.value)

    def to_json(self, *, everything: bool = False) -> dict[str, Any]:
        """Return the `search` document; `everything` adds all candidates."""
        return {
            "space": self.space.name,
            "pairs": self.space.size,
            "method": self.method,
            "objectives": list(self.objectives),
            "limits": dict(self.limits),
            "asked": self.asked,
            "impossible": self.impossible,
            "over_limits": self.over_limits,
            "front": ranked(self.front),
            "named": [standing.to_json() for standing in self.named()],
            **({"candidates": [candidate.to_json() for candidate in self.candidates]} if everything else {}),
        }

    @cached_property
    def _peers(self) -> dict[tuple[str, int], tuple[Candidate, ...]]:
        groups: dict[tuple[str, int], list[Candidate]] = {}
        for candidate in self.candidates:
            groups.setdefault((candidate.accelerator, candidate.input_size), []).append(candidate)
        return {key: tuple(group) for key, group in groups.items()}

    @cached_property
    def _figures_of(self) -> dict[tuple[str, int], ObjectiveValues]:
        return {key: self.figures(group) for key, group in self._peers.items()}


def ranked(candidates: tuple[Candidate, ...]) -> list[dict[str, Any]]:
    """Return candidates as rows, each with its rank. A network can be built by its rank."""
    return [{"rank": rank, **candidate.to_json()} for rank, candidate in enumerate(candidates, 1)]


def better_than(outcome: Outcome, reference: Candidate, *, in_all: tuple[str, ...]) -> tuple[Candidate, ...]:
    """Return the candidates that dominate the reference and are better in all objectives of `in_all`, best first.

    They are on the reference's accelerator and have its input size.
    """
    found = [
        one
        for one in outcome.standing(reference).dominators
        if all(to_minimise(name, one.figures) < to_minimise(name, reference.figures) for name in in_all)
    ]
    return tuple(sorted(found, key=lambda one: to_minimise(in_all[0], one.figures)))
