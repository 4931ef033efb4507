"""Table 3: the errors to reach, its document, and layer rows that have the costs of exported graphs."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest

from helpers.golden import read_golden
from helpers.repository import ROOT
from sqnxt_sim import simulate_workload
from sqnxt_tf.exploration.workloads import network_workload
from sqnxt_tf.networks.published import read_table
from sqnxt_tf.paper import table3 as workflow
from sqnxt_tf.paper.table3 import COLUMNS, CostTable
from sqnxt_tf.reports.table3 import cost_comparison, cost_lines

MODELS = [row["model"] for row in read_table(3)]
SMALL = {"SqueezeNet v1.1", "Tiny Darknet", "MobileNet"}  # built and exported in about a second each
# column, mean and worst error to reach, per cent
TARGETS = [
    ("time_8x8", 0.50, 1.5),
    ("time_16x16", 0.75, 3.5),
    ("energy_8x8", 3.25, 8.5),
    ("energy_16x16", 1.85, 5.5),
]
REFERENCE = ROOT / "tests" / "sqnxt_sim" / "data" / "model2_table3.csv"


@pytest.fixture(scope="module")
def costs() -> CostTable:
    """Return the table from layer rows, as on a machine without TensorFlow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workflow, "can_export", lambda: False)
        return workflow.reproduce_costs()


@pytest.mark.parametrize(("column", "mean", "worst"), TARGETS)
def test_every_column_reaches_its_target(costs: CostTable, column: str, mean: float, worst: float) -> None:
    assert 100 * costs.mean_error(column) <= mean
    assert 100 * abs(costs.worst(column).errors[column]) <= worst


def test_one_number_is_fitted_and_the_arrays_share_it() -> None:
    small, large = map(workflow.fitted_numbers, workflow.paper_accelerators())
    assert small == large == {"buffer.capacity_divisor": 3.5}


def test_the_totals_are_those_of_the_earlier_implementation(costs: CostTable) -> None:
    reference = {row["model"]: row for row in read_golden(REFERENCE)}
    assert [row.model for row in costs.rows] == list(reference)
    for row in costs.rows:
        theirs = reference[row.model]
        for array in workflow.ARRAYS:
            assert row.cycles[array] == pytest.approx(float(theirs[f"cycles_{array}"]), rel=1e-6)
            assert row.ours[f"energy_{array}"] == pytest.approx(float(theirs[f"energy_{array}"]), rel=1e-9)


def test_the_document_follows_its_contract(costs: CostTable) -> None:
    rows = json.loads(json.dumps(costs.to_json()))
    assert [row["model"] for row in rows] == MODELS
    for row in rows:
        assert set(row["paper"]) == set(row["errors"]) == set(COLUMNS)
        assert row["source"] == "layer rows"
        for column in COLUMNS:
            assert row["errors"][column] == pytest.approx(row[column] / row["paper"][column] - 1, abs=1e-12)
    for column in ("time_8x8", "time_16x16"):
        assert min(row[column] for row in rows) == 1
        assert min(row["paper"][column] for row in rows) == 1
    assert rows[MODELS.index("1.0-SqNxt-23")]["paper"]["energy_8x8"] == 3.2e9


def test_ours_over_ours_and_the_papers_over_the_papers(monkeypatch: pytest.MonkeyPatch, costs: CostTable) -> None:
    reports = [
        [simulate_workload(network_workload(model), array, sparsity=0.4) for array in workflow.paper_accelerators()]
        for model in ("sqnxt23_w1", "alexnet")
    ]
    printed = {
        "one": {"time_8x8": 1.0, "time_16x16": 3.0, "energy_8x8": 1e9, "energy_16x16": 1e9},
        "two": {"time_8x8": 2.0, "time_16x16": 1.0, "energy_8x8": 1e9, "energy_16x16": 1e9},
    }
    monkeypatch.setattr(workflow, "paper_costs", lambda: printed)
    one, two = workflow.cost_table(reports, source="layer rows").rows
    assert one.ours["time_8x8"] == one.ours["time_16x16"] == 1
    assert two.ours["time_8x8"] == reports[1][0].cycles / reports[0][0].cycles
    assert two.errors["time_16x16"] == reports[1][1].cycles / reports[0][1].cycles - 1


def test_a_person_sees_every_cell_the_worst_ones_and_what_is_fitted(costs: CostTable) -> None:
    text = "\n".join(cost_comparison(costs).to_lines())
    assert all(model in text for model in MODELS)
    assert "mean error" in text
    assert "worst error" in text
    lines = list(cost_lines(costs, {"array.clock_hz": 2.0}))
    assert all(costs.worst(column).model in lines[0] for column in COLUMNS)
    assert any("Fitted to this table (1): array.clock_hz 2." in line for line in lines)


@pytest.mark.parametrize("missing", ["tensorflow", "tf_keras", "onnxruntime"])
def test_what_is_not_installed_is_seen(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    assert workflow.can_export()
    found = importlib.util.find_spec
    monkeypatch.setattr(workflow, "find_spec", lambda name: None if name == missing else found(name))
    assert not workflow.can_export()


@pytest.mark.parametrize(
    "model", [model if model in SMALL else pytest.param(model, marks=pytest.mark.slow) for model in MODELS]
)
def test_layer_rows_cost_what_the_exported_graph_costs(model: str) -> None:
    exported, rows = workflow.exported_workload(model), network_workload(model)
    for accelerator in workflow.paper_accelerators():
        ours, theirs = (simulate_workload(workload, accelerator, sparsity=0.4) for workload in (rows, exported))
        assert ours.cycles == pytest.approx(theirs.cycles, rel=1e-12)
        assert ours.energy.total == pytest.approx(theirs.energy.total, rel=1e-12)


@pytest.mark.slow
def test_the_command_costs_exported_graphs_and_reaches_the_targets(cli: Any) -> None:
    rows = cli("reproduce", "table3", "--json", timeout=900).json()
    assert {row["source"] for row in rows} == {"exported graph"}
    for column, mean, worst in TARGETS:
        errors = [100 * abs(row["errors"][column]) for row in rows]
        assert sum(errors) / len(errors) <= mean
        assert max(errors) <= worst


def test_the_command_without_tensorflow_says_what_it_costs_instead(cli: Any, tmp_path: Path) -> None:
    hidden = "import sys\nsys.modules['tensorflow'] = sys.modules['tf_keras'] = None\n"
    (tmp_path / "sitecustomize.py").write_text(hidden)
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    answer = cli("reproduce", "table3", env={"PYTHONPATH": path})
    assert answer.code == 0, answer.err
    assert "layer rows" in answer.err
    assert "Costed from: layer rows" in answer.out


def test_only_table_3_is_cross_validated(cli: Any) -> None:
    assert "--cross-validate" in cli("reproduce", "table1", "--cross-validate").error_line()
