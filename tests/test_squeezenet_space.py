"""`benchmarks/squeezenet_space.py`: the points of both curves, results that are kept, and a run on tiny data."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from helpers.benchmark_scripts import load_benchmark
from helpers.images import write_images
from sqnxt_tf.networks.registry import find_network


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_benchmark("squeezenet_space")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for part in ("train", "validation", "test"):
        write_images(tmp_path / "photos" / part, count=4)
    return tmp_path / "photos"


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "squeezenet_space.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_both_curves_meet_in_one_network_and_every_point_can_be_built(script: ModuleType) -> None:
    points = list(script.curve_points(script.SQUEEZE_RATIOS, script.FRACTIONS, "1.1"))
    assert len(points) == 10
    networks = [network for _, network, _, _ in points]
    assert len(set(networks)) == 9
    assert networks[0] == "squeezenet_v1_1"
    for network in networks:
        assert find_network(network).name == network


def test_results_are_kept_tabulated_and_drawn(
    script: ModuleType, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but one network of two seeds were measured before; that one is, and then nothing more."""
    folder = tmp_path / "results"
    folder.mkdir()
    arguments = [str(folder), "--data", str(photos), "--seeds", "2", "--input-size", "64"]
    given, trained = script.parse(arguments), []
    networks = [network for _, network, _, _ in script.curve_points(script.SQUEEZE_RATIOS, script.FRACTIONS, "1.1")]

    def measure(network: str, seed: int, given: Any) -> None:
        path = script.result_path(network, seed, given)
        if not path.exists():
            trained.append((network, seed))
            figures = dict.fromkeys(("validation_top1", "test_top1", "test_low", "test_high"), 0.5 + seed / 10)
            found = {"input_size": 64, "epochs": 1, **figures, "seconds": 1, "settings": script.settings_of(given)}
            path.write_text(json.dumps(found), "utf-8")

    for network in networks[:-1]:
        for seed in (0, 1):
            measure(network, seed, given)
    trained.clear()
    monkeypatch.setattr(script, "measured", measure)
    script.main(arguments)
    assert trained == [(networks[-1], 0), (networks[-1], 1)]
    rows = table(folder)
    assert len(rows) == 20
    assert [row["network"] for row in rows[::2]] == networks
    params = [int(row["params"]) for row in rows if row["curve"] == "fraction_3x3"]
    assert params == sorted(params)
    assert (folder / "squeezenet_space.png").stat().st_size > 10_000
    monkeypatch.undo()
    with pytest.raises(SystemExit, match="was measured with other settings"):
        script.main([*arguments[:-1], "96"])


def test_settings_need_a_recipe(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        script.parse(["folder", "--data", "photos", "--epochs", "3"])
    assert "give one" in capsys.readouterr().err


@pytest.mark.slow
def test_a_network_is_trained_judged_and_kept(script: ModuleType, photos: Path, tmp_path: Path) -> None:
    arguments = [
        str(tmp_path / "results"), "--data", str(photos), "--input-size", "48", "--squeeze-ratios", "0.25",
        "--fractions", "0.5", "--recipe", "digits", "--epochs", "1", "--set", "batch=4", "--set", "max_shift=0",
    ]  # fmt: skip
    script.main(arguments)
    first = table(tmp_path / "results")
    assert [(row["curve"], row["squeeze_ratio"], row["epochs"]) for row in first] == [
        ("squeeze_ratio", "0.25", "1"), ("fraction_3x3", "0.5", "1"),
    ]  # fmt: skip
    assert all(0 <= float(row["test_low"]) <= float(row["test_top1"]) <= float(row["test_high"]) <= 1 for row in first)
    models = {path: path.stat().st_mtime_ns for path in (tmp_path / "results").glob("*.keras")}
    assert len(models) == 2
    script.main(arguments)
    assert table(tmp_path / "results") == first
    assert {path: path.stat().st_mtime_ns for path in models} == models
