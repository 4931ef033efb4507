"""Successive halving: its rungs, the networks that begin, and those that continue."""

from __future__ import annotations

import pytest

from sqnxt_tf.exploration.outcome import Outcome
from sqnxt_tf.exploration.successive_halving import (
    FEWEST_FINALISTS,
    Rung,
    SizedNetwork,
    better_half,
    choose_survivors,
    network_of,
    pairs_of,
    rungs,
)
from sqnxt_tf.workflows.search import search


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return search("digits")


@pytest.mark.parametrize(
    ("networks", "epochs", "expected"),
    [
        (16, 8, [(16, 2), (8, 4), (4, 8)]),
        (17, 9, [(17, 2), (8, 4), (4, 9)]),
        (8, 2, [(8, 1), (4, 2)]),
        (64, 3, [(64, 1), (32, 3)]),
        (7, 20, [(7, 20)]),
        (1, 1, [(1, 1)]),
    ],
)
def test_each_rung_trains_half_as_many_twice_as_long(
    networks: int, epochs: int, expected: list[tuple[int, int]]
) -> None:
    plan = rungs(networks, epochs)
    assert plan == tuple(Rung(*rung) for rung in expected)
    assert plan[-1].networks >= min(networks, FEWEST_FINALISTS)


def test_those_that_begin_are_spread_over_the_costs(outcome: Outcome) -> None:
    chosen = choose_survivors(outcome, 10)
    assert len(set(chosen)) == 10
    cycles = [pairs_of(outcome, [network])[0].figures["cycles"] for network in chosen]
    assert cycles == sorted(cycles)
    everything = [one.figures["cycles"] for one in outcome.candidates]
    assert cycles[0] == min(everything)
    assert cycles[-1] > 0.9 * max(everything)
    for network in chosen:  # nobody gives as many MACs at less cost
        (mine,) = pairs_of(outcome, [network])
        assert not any(
            other.figures["macs"] >= mine.figures["macs"]
            and all(other.figures[name] < mine.figures[name] for name in outcome.objectives)
            for other in outcome.candidates
        )


def test_a_search_has_as_many_survivors_as_it_has(outcome: Outcome) -> None:
    everybody = choose_survivors(outcome, 10_000)
    assert len(everybody) == len(set(everybody)) <= len(outcome.candidates)
    assert choose_survivors(outcome, 1) == everybody[:1]


def test_cheap_ones_and_accurate_ones_go_on(outcome: Outcome) -> None:
    chosen = choose_survivors(outcome, 8)
    # the most expensive network is the most accurate, the cheapest the least; number 5 is worse than all cheaper ones
    accuracies = {network: 0.5 + place / 20 for place, network in enumerate(chosen)}
    accuracies[chosen[5]] = 0.1
    kept = better_half(outcome, accuracies, 7, objectives=outcome.objectives)
    assert kept == tuple(network for network in chosen if network != chosen[5])
    assert chosen[-1] in better_half(outcome, accuracies, 4, objectives=outcome.objectives)


def test_a_network_counts_on_its_better_accelerator() -> None:
    paper = search("paper", objectives=["cycles", "area"])
    network = network_of(paper.candidates[0])
    pairs = pairs_of(paper, [network])
    assert [pair.accelerator for pair in pairs] == ["squeezelerator-8x8", "squeezelerator-16x16"]
    assert better_half(paper, {network: 0.5}, 1, objectives=paper.objectives) == (network,)
    assert network == SizedNetwork(paper.candidates[0].network, 227)
