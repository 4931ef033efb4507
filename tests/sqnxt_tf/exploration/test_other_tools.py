"""The presets of Ethos-U against Vela's own estimates, as `benchmarks/tool_comparison.py` wrote them down."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from sqnxt_sim import load_accelerator, simulate_workload
from sqnxt_tf.exploration.workloads import network_workload

TABLE = Path(__file__).parents[3] / "benchmarks" / "tool_comparison.csv"
PRESETS = ("ethos-u65-256", "ethos-u55-128")


@cache
def theirs() -> dict[str, list[dict[str, str]]]:
    networks: dict[str, list[dict[str, str]]] = {}
    with TABLE.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            networks.setdefault(row["network"], []).append(row)
    return networks


def cycles(network: str, preset: str) -> tuple[list[float], list[float]]:
    """Return ours and Vela's cycles of every layer."""
    report = simulate_workload(network_workload(network), load_accelerator(preset), precision="int8")
    rows = theirs()[network]
    assert [cost.name for cost in report.costed] == [row["layer"] for row in rows]
    return [cost.cycles for cost in report.costed], [float(row[f"{preset} Vela"]) for row in rows]


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    def ranks(values: Sequence[float]) -> list[int]:
        ordered = np.sort(values)
        low, high = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
        return (low + high).tolist()

    return float(np.corrcoef(ranks(first), ranks(second))[0, 1])


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("network", theirs())
def test_totals_are_within_a_quarter_and_layers_rank_alike(network: str, preset: str) -> None:
    ours, other = cycles(network, preset)
    assert 0.87 < sum(ours) / sum(other) < 1.1
    assert rank_correlation(ours, other) > 0.91


def test_networks_rank_alike_on_the_larger_one() -> None:
    """On the smaller one, two networks are within 3 % in Vela's estimate, and change places in ours."""
    totals = {network: [sum(values) for values in cycles(network, PRESETS[0])] for network in theirs()}
    assert sorted(totals, key=lambda name: totals[name][0]) == sorted(totals, key=lambda name: totals[name][1])
