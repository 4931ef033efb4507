"""Successive halving: train many networks for a few epochs, then the better half for twice as many, and so on.

Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization" (AISTATS 2016).
Each rung trains from scratch with its own schedule, as a run whose learning rate has decayed cannot be prolonged well.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sqnxt_tf.exploration.candidates import Candidate
from sqnxt_tf.exploration.outcome import Outcome
from sqnxt_tf.exploration.pareto import dominators, pareto_front
from sqnxt_tf.exploration.space import figure_of, to_minimise

FEWEST_FINALISTS = 4
"""The fewest networks of the last rung: one network alone would be no Pareto set."""


class SizedNetwork(NamedTuple):
    """A network to train. Its accuracy is the same on every accelerator."""

    name: str
    input_size: int


class Rung(NamedTuple):
    """The number of networks that are trained, and for how many epochs."""

    networks: int
    epochs: int


def rungs(networks: int, epochs: int) -> tuple[Rung, ...]:
    """Return the rungs, shortest runs first. The last one trains `FEWEST_FINALISTS` networks or more for `epochs`.

    Example: 16 networks and 8 epochs make three rungs, (16, 2), (8, 4) and (4, 8).
    """
    halvings = 0
    while networks >> (halvings + 1) >= FEWEST_FINALISTS and epochs >> (halvings + 1) >= 1:
        halvings += 1
    return tuple(Rung(networks >> done, epochs >> (halvings - done)) for done in range(halvings + 1))


def network_of(candidate: Candidate) -> SizedNetwork:
    """Return the network of a candidate."""
    return SizedNetwork(candidate.network, candidate.input_size)


def choose_survivors(outcome: Outcome, most: int) -> tuple[SizedNetwork, ...]:
    """Return at most `most` networks that are worth training, spread evenly over the first objective.

    Before training, accuracies are unknown, and by costs alone the cheapest network would dominate all others. So the
    MACs of a network stand for its capacity: a network is chosen if no other offers as many MACs at lower costs.
    If MACs are an objective themselves, parameters stand for the capacity.
    """
    if not outcome.candidates:
        return ()
    capacity = "params" if "macs" in map(figure_of, outcome.objectives) else "macs"
    worths = [f"+{capacity}", *(name for name in outcome.objectives if figure_of(name) != capacity)]
    figures = np.array([[to_minimise(name, one.figures) for name in worths] for one in outcome.candidates])
    worth = [outcome.candidates[index] for index in pareto_front(figures)]
    worth.sort(key=lambda one: to_minimise(outcome.objectives[0], one.figures))
    networks = list(dict.fromkeys(map(network_of, worth)))
    chosen = np.unique(np.linspace(0, len(networks) - 1, min(most, len(networks))).round().astype(int))
    return tuple(networks[index] for index in chosen)


def better_half(
    outcome: Outcome, accuracies: Mapping[SizedNetwork, float], keep: int, *, objectives: Sequence[str]
) -> tuple[SizedNetwork, ...]:
    """Return the `keep` networks that the fewest others dominate in error and costs; among equals, the more accurate.

    A network on several accelerators counts as it does on the best of them. The order is that of `accuracies`.
    """
    pairs = pairs_of(outcome, accuracies)
    figures = np.array([with_error(one, accuracies[network_of(one)], objectives) for one in pairs])
    beaten: dict[SizedNetwork, int] = {}
    for one, row in zip(pairs, figures, strict=True):
        network, by = network_of(one), len(dominators(figures, row))
        beaten[network] = min(beaten.get(network, by), by)
    ranked = sorted(beaten, key=lambda network: (beaten[network], -accuracies[network]))
    return tuple(sorted(ranked[:keep], key=list(accuracies).index))


def pairs_of(outcome: Outcome, networks: Container[SizedNetwork]) -> list[Candidate]:
    """Return the candidates of some networks, on all accelerators that they were costed on."""
    return [candidate for candidate in outcome.candidates if network_of(candidate) in networks]


def with_error(candidate: Candidate, accuracy: float, objectives: Sequence[str]) -> list[float]:
    """Return the figures to minimise if accuracy counts: the error, then the objectives."""
    return [1 - accuracy, *(to_minimise(name, candidate.figures) for name in objectives)]
