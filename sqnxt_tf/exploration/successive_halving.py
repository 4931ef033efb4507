"""Successive halving: many candidates trained a little, the better half twice as long, and so on.

Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization" (AISTATS 2016).
Each rung trains afresh with its own schedule, because a learning rate that has decayed is no start for a longer run.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sqnxt_tf.exploration.candidates import Candidate
from sqnxt_tf.exploration.outcome import Outcome
from sqnxt_tf.exploration.pareto import dominators, pareto_front

FINALISTS = 4
"""Rungs end before they would leave fewer networks than this: one network is no front."""


class SizedNetwork(NamedTuple):
    """What is trained: its accuracy is the same on every accelerator."""

    name: str
    input_size: int


class Rung(NamedTuple):
    """So many networks are trained for so many epochs."""

    networks: int
    epochs: int


def rungs(networks: int, epochs: int) -> tuple[Rung, ...]:
    """The halvings that end with `epochs`, shortest runs first; the last one keeps `FINALISTS` at least."""
    halvings = 0
    while networks >> (halvings + 1) >= FINALISTS and epochs >> (halvings + 1) >= 1:
        halvings += 1
    return tuple(Rung(networks >> done, epochs >> (halvings - done)) for done in range(halvings + 1))


def network_of(candidate: Candidate) -> SizedNetwork:
    """The network of a candidate."""
    return SizedNetwork(candidate.network, candidate.input_size)


def survivors(outcome: Outcome, most: int) -> tuple[SizedNetwork, ...]:
    """At most so many networks that are worth training, spread evenly over the first objective.

    The cheapest network of all dominates every other as long as nobody knows what they can learn. So what a network
    computes, its MACs, stands for what it may learn: those are left that no other gives as many MACs at less cost.
    """
    if not outcome.candidates:
        return ()
    capacity = "params" if "macs" in outcome.objectives else "macs"
    costs = [name for name in outcome.objectives if name != capacity]
    figures = np.array([[-one.figures[capacity], *(one.figures[name] for name in costs)] for one in outcome.candidates])
    worth = [outcome.candidates[index] for index in pareto_front(figures)]
    worth.sort(key=lambda one: one.figures[outcome.objectives[0]])
    networks = list(dict.fromkeys(map(network_of, worth)))
    chosen = np.unique(np.linspace(0, len(networks) - 1, min(most, len(networks))).round().astype(int))
    return tuple(networks[index] for index in chosen)


def better_half(
    outcome: Outcome, accuracies: Mapping[SizedNetwork, float], keep: int, *, objectives: Sequence[str]
) -> tuple[SizedNetwork, ...]:
    """The `keep` networks that the fewest others dominate in error and costs together; of equals the more accurate."""
    pairs = pairs_of(outcome, accuracies)
    figures = np.array([with_error(one, accuracies[network_of(one)], objectives) for one in pairs])
    beaten: dict[SizedNetwork, int] = {}
    for one, row in zip(pairs, figures, strict=True):
        network, by = network_of(one), len(dominators(figures, row))
        beaten[network] = min(beaten.get(network, by), by)
    ranked = sorted(beaten, key=lambda network: (beaten[network], -accuracies[network]))
    return tuple(sorted(ranked[:keep], key=list(accuracies).index))


def pairs_of(outcome: Outcome, networks: Container[SizedNetwork]) -> list[Candidate]:
    """The candidates of some networks, each on every accelerator that it was costed on."""
    return [candidate for candidate in outcome.candidates if network_of(candidate) in networks]


def with_error(candidate: Candidate, accuracy: float, objectives: Sequence[str]) -> list[float]:
    """What is minimised where accuracy counts: the error first, then the objectives."""
    return [1 - accuracy, *(candidate.figures[name] for name in objectives)]
