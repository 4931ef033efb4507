"""`benchmarks/supernet.py`: which networks are trained alone, what the table says, and a run that is continued."""

from __future__ import annotations

import csv
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from helpers.benchmark_scripts import load_benchmark
from sqnxt_tf.exploration.candidates import Candidate
from sqnxt_tf.networks.squeezenext import SPECS

SPACE = """
objectives = ["cycles", "energy"]
classes = 10
sparsity = 0.4
[network]
stage1 = [1, 2]
stage2 = 1
stage3 = 1
stage4 = 1
stem_kernel = [3, 5]
width = [0.5, 1.0]
transition = "conv-first"
input_size = 24
[accelerator]
base = "squeezelerator-16x16"
"""
V5 = "sqnxt23v5_w1"


@pytest.fixture
def script() -> ModuleType:
    return load_benchmark("supernet")


def candidate(accuracy: float | None, cycles: float) -> Candidate:
    known = {} if accuracy is None else {"accuracy": accuracy}
    figures = {**known, "cycles": cycles, "energy": 2 * cycles}
    return Candidate(spec=SPECS[V5], input_size=128, accelerator="a", figures=figures)


def test_listed_networks_better_ones_and_some_of_every_rank_are_trained_alone(script: ModuleType) -> None:
    judged = {("sqnxt23_w1", 128): candidate(None, 100), (V5, 128): candidate(0.5, 100)}
    judged |= {(f"net{place}", 128): candidate(place / 100, 90 if place > 93 else 200) for place in range(100)}
    chosen = script.chosen_networks(judged, 128, V5, 12)
    assert chosen[:2] == [("sqnxt23_w1", 128), (V5, 128)]
    assert chosen[2:6] == [(f"net{place}", 128) for place in (99, 98, 97, 96)]
    assert len(chosen) == len(set(chosen)) == 12
    ranks = [int(name.removeprefix("net")) for name, _ in chosen[6:]]
    assert ranks[0] == 0
    assert ranks[-1] == 95
    assert ranks == sorted(ranks)


def test_the_findings_are_those_of_the_table(script: ModuleType) -> None:
    def row(network: str, word: Any, alone: float, cycles: float) -> dict[str, Any]:
        figures = {"cycles": cycles, "energy": cycles, "validation_top1": alone, "test_top1": 1 - alone}
        return {"network": network, "input_size": 128, "supernet_top1": word, **figures}

    rows = [row("sqnxt23_w1", "", 0.9, 300), row(V5, 0.5, 0.7, 100), row("a", 0.6, 0.8, 90), row("b", 0.7, 0.6, 80)]
    first, second, third = script.findings(rows, V5, 128)
    assert first.startswith("Kendall's tau with the validation photos: -0.333, 3 networks")  # one of three pairs agrees
    assert second.startswith("Kendall's tau with the test photos: 0.333")
    assert third == f"better than {V5} in accuracy, cycles and energy: a at 128"
    assert [row["beats_reference"] for row in rows] == [False, False, True, False]


@pytest.mark.slow
def test_a_run_ends_with_a_table_and_continues_from_what_is_there(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny.toml").write_text(SPACE)
    monkeypatch.setattr(script, "LISTED", ())
    reference = "sqnxt_2-1-1-1_w1_k5_conv-first"
    given = ["digits", "-o", str(tmp_path / "kept"), "--space", str(tmp_path / "tiny.toml"), "--trials", "8"]
    given += ["--networks", "2", "--reference", reference, "--epochs", "1", "--alone-epochs", "1"]
    script.main([*given, "--only", "train"])
    assert (tmp_path / "kept" / "super.keras").exists()
    script.main(given)
    with (tmp_path / "kept" / "supernet.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 2
    assert all(0 <= float(row["supernet_top1"]) <= 1 and 0 <= float(row["test_top1"]) <= 1 for row in rows)
    assert (
        (tmp_path / "kept" / "supernet_judged.csv").read_text("utf-8").startswith("network,input_size,validation_top1,")
    )
    assert "Kendall's tau with the validation photos" in capsys.readouterr().out
    monkeypatch.setattr("sqnxt_tf.workflows.train.train", None)  # nothing is trained again
    script.main(given)
    with pytest.raises(SystemExit, match="other settings"):
        script.main([*given, "--seed", "7"])
