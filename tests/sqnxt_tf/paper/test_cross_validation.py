"""Cross-validation: a grid with a known answer, and units without held-out networks."""

from __future__ import annotations

import json
from math import comb
from typing import Any

import numpy as np
import pytest

from sqnxt_tf.exploration.workloads import network_workload
from sqnxt_tf.paper import cross_validation as workflow
from sqnxt_tf.paper.cross_validation import BELIEF, GRID, fit, fit_splits
from sqnxt_tf.paper.table3 import fitted_numbers, paper_accelerators, paper_costs
from sqnxt_tf.reports.table3 import cross_validation_lines, cross_validation_table

NETWORKS = 5
FITTED = fitted_numbers(paper_accelerators()[0])
TINY = {"buffer.capacity_divisor": (2, 3.5)}


def ratios(*settings: list[float]) -> Any:
    """Return our figures over the paper's, the same in all four columns: [columns, settings, networks]."""
    return np.tile(np.array(settings, dtype=np.float64), (4, 1, 1))


def test_the_setting_that_is_right_everywhere_wins_on_both_sides() -> None:
    splits = fit_splits(ratios([1.1, 0.9, 1.2, 0.8, 1.3], [1.0] * NETWORKS), 2)
    assert splits.chosen.tolist() == [1] * comb(NETWORKS, 2)
    assert splits.fitted.shape == (4, 10, 2)
    assert splits.held_out.shape == (4, 10, 3)
    assert not splits.fitted.any()
    assert not splits.held_out.any()


def test_each_split_is_fitted_apart_and_judged_on_what_it_never_saw() -> None:
    # setting 0 is right for the first two networks, setting 1 for the last two
    splits = fit_splits(ratios([1, 1, 1.5, 1.5], [1.5, 1.5, 1, 1]), 2)
    assert splits.chosen[0] == 0
    assert splits.chosen[-1] == 1
    assert not splits.fitted[:, [0, -1]].any()
    assert splits.held_out[:, [0, -1]] == pytest.approx(0.5)


def test_the_unit_of_times_is_that_of_the_networks_fitted_on_and_energies_have_none() -> None:
    values = ratios([7.0, 7.0, 14.0])
    _, units = fit(values[:, :, :2])
    assert units.tolist() == [7, 7, 1, 1]
    held_out = fit_splits(values, 2).held_out[:, 0, 0]  # fitted on the first two, judged on the third
    assert held_out.tolist() == [1, 1, 13, 13]


def test_the_grid_holds_the_presets_numbers() -> None:
    assert set(GRID) == set(FITTED)
    assert all(value in GRID[name] for name, value in FITTED.items())
    candidates = workflow.simulate_grid(TINY, [network_workload(model) for model in paper_costs()])
    chosen = workflow._preset_index(candidates.settings)
    assert {name: values[chosen] for name, values in candidates.settings.items()} == FITTED


def test_a_small_grid_makes_a_whole_report() -> None:
    result = workflow.cross_validate_costs(grid=TINY, fitted_on=2)
    assert (result.splits, result.settings) == (comb(13, 2), 2)
    # the best of a grid that holds the preset is no worse than the preset
    assert result.best.time_mean + result.best.energy_mean <= result.preset.time_mean + result.preset.energy_mean
    assert all(sum(shares.values()) == pytest.approx(1) for shares in result.chosen.values())
    document = json.loads(json.dumps(result.to_json()))
    assert set(document["held_out"]) == {"time_mean", "time_p95", "energy_mean", "energy_p95"}
    text = "\n".join([*cross_validation_table(result).to_lines(), *cross_validation_lines(result)])
    assert "the other 11" in text
    assert "capacity_divisor" in text
    assert BELIEF in text


@pytest.mark.slow
def test_the_fit_carries_over_to_networks_that_it_never_saw(cli: Any) -> None:
    document = cli("reproduce", "table3", "--cross-validate", "--json", timeout=1800).json()
    assert len(document["table3"]) == 13
    result = document["cross_validation"]
    assert result["splits"] == 1716
    assert result["held_out"]["time_mean"] < 0.0070
    assert result["held_out"]["energy_mean"] < 0.0275
