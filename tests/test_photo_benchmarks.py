"""What the benchmarks on photographs keep: documents, rows and settings; and the smallest run of one of them."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from helpers.benchmark_scripts import load_benchmark
from helpers.images import write_images
from helpers.repository import ROOT

SCRIPTS = ("photo_networks", "photo_recipes", "squeezenet_space", "squished_photos", "supernet")


@pytest.fixture(scope="module")
def kept() -> ModuleType:
    return load_benchmark("kept_results")


@pytest.fixture(scope="module")
def squished() -> ModuleType:
    return load_benchmark("squished_photos")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_table_that_is_there_has_the_columns_of_its_script(name: str) -> None:
    """Rows are added to tables of many hours, whose columns therefore stay."""
    columns, table = load_benchmark(name).COLUMNS, ROOT / "benchmarks" / f"{name}.csv"
    assert len(set(columns)) == len(columns)
    if table.exists():
        with table.open(encoding="utf-8") as file:
            assert tuple(next(csv.reader(file))) == columns


def test_a_step_with_a_document_is_not_done_again(kept: ModuleType, tmp_path: Path) -> None:
    steps, done = kept.Steps(tmp_path / "net"), []

    def work() -> dict[str, int]:
        done.append(1)
        return {"top1": 1}

    assert steps.kept("train", work) == steps.kept("train", work) == {"top1": 1}
    assert len(done) == 1
    assert json.loads((tmp_path / "net" / "train.json").read_text()) == {"top1": 1}
    assert [path.name for path in (tmp_path / "net").iterdir()] == ["train.json"]
    late = kept.Steps(tmp_path / "net", until=0)
    assert late.kept("train", work) == {"top1": 1}
    with pytest.raises(SystemExit, match="the time is up"):
        late.kept("prune", work)


def test_what_a_command_had_made_before_its_document_is_made_again(
    kept: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, called = tmp_path / "a.onnx", []

    def document_of(*arguments: object, log: Path) -> dict[str, str]:
        called.append((arguments, made.exists()))
        return {"log": log.name}

    monkeypatch.setattr(kept, "document_of", document_of)
    made.touch()
    for _ in range(2):
        assert kept.Steps(tmp_path).document("a.onnx", "export", 3, made=made) == {"log": "a.onnx.log"}
    assert called == [(("export", 3), False)]


def test_a_command_gives_its_document_and_a_fault_ends_the_script(kept: ModuleType, tmp_path: Path) -> None:
    assert kept.document_of("list", log=tmp_path / "list.log")
    with pytest.raises(SystemExit, match=r"error: .*nothing\.onnx"):
        kept.document_of("simulate", tmp_path / "nothing.onnx", log=tmp_path / "simulate.log")


def test_rows_are_added_to_a_table_and_missing_figures_are_empty(kept: ModuleType, tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    assert kept.read_rows(table) == []
    kept.append_rows(table, ("name", "top1"), [{"name": "a", "top1": 0.5}])
    kept.append_rows(table, ("name", "top1"), [{"name": "b"}])
    assert kept.read_rows(table) == [{"name": "a", "top1": "0.5"}, {"name": "b", "top1": ""}]
    test = {"top1": 0.123456, "top1_interval": [0.1, 0.2]}
    assert kept.interval_columns(test, "abc") == {"a": 0.1235, "b": 0.1, "c": 0.2}
    assert kept.interval_columns(test, "abc", digits=None)["a"] == 0.123456
    assert set(kept.machine_columns()) == {"cores", "machine"}


def test_a_folder_of_other_settings_is_refused(kept: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "work" / "settings.json"
    kept.check_settings(path, {"seed": 1})
    kept.check_settings(path, {"seed": 1})
    with pytest.raises(SystemExit, match="FOLDER was begun with other settings"):
        kept.check_settings(path, {"seed": 2})
    assert json.loads(path.read_text()) == {"seed": 1}


def test_a_model_whose_run_was_cut_is_not_trained(kept: ModuleType, tmp_path: Path) -> None:
    model = tmp_path / "a.keras"
    assert not kept.is_trained(model)
    model.touch()
    assert kept.is_trained(model)
    (tmp_path / "a.train").mkdir()
    (tmp_path / "a.train" / "settings.json").touch()
    assert not kept.is_trained(model)


def test_the_loss_of_each_seed_and_of_all_is_told(squished: ModuleType) -> None:
    def row(seed: int, generation: int, size: int, top1: float, chosen: bool = True) -> dict[str, str]:
        figures = {"seed": seed, "generation": generation, "bytes": size, "test_top1": top1, "chosen": chosen}
        return {name: str(value) for name, value in figures.items()}

    rows = [row(0, 0, 2910504, 0.9), row(0, 1, 2400000, 0.8), row(0, 1, 2400000, 0.2, False), row(0, 4, 950000, 0.77)]
    rows += [row(1, 1, 2400000, 0.8), row(1, 4, 950000, 0.79)]
    first, second, both = squished.findings(rows)
    assert first == "seed 0: 2.40 MB (80.0 %) to 0.95 MB (77.0 %), +3.0 points lost"
    assert second.endswith("+1.0 points lost")
    assert both.startswith("2 seeds: +2.0 points lost in the mean (95 %: -10.7 to +14.7); at most +3.0")
    assert squished.findings([]) == []


def trained_by_photo_networks(folder: Path, photos: Path, **changes: Any) -> dict[str, Any]:
    """Write what `photo_networks.py` keeps of a network, and return the settings that its model names."""
    from dataclasses import asdict

    import tf_keras as keras

    from sqnxt_export import Metadata, save_keras
    from sqnxt_tf.training.recipe_files import PHOTOS

    model = keras.Sequential([keras.layers.Input((2, 2, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    settings = {
        "network": "tiny_darknet", "data": str(photos), "input_size": [48, 48], "seed": 0, "recipe": asdict(PHOTOS),
        **changes,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    save_keras(model, folder / "model.keras", Metadata(extra={"settings": settings}), force=True)
    (folder / "train.json").write_text(json.dumps({"history": [{"seconds": 2.4}, {"seconds": 3.0}]}))
    return settings


def test_the_supernet_takes_what_was_trained_alike_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("train", "validation", "test"):
        write_images(tmp_path / "photos" / part)
    monkeypatch.chdir(tmp_path)
    script, work = load_benchmark("supernet"), tmp_path / "networks"
    given = argparse.Namespace(photos=str(tmp_path / "photos"), trained=work, seed=0, alone_epochs=None)

    def found(size: int = 48) -> Any:
        return script.trained_alike("tiny_darknet", size, given)

    assert found() is None
    recipe = trained_by_photo_networks(work / "tiny_darknet", Path("photos"))["recipe"]
    assert found() == (work / "tiny_darknet" / "model.keras", 5)
    assert found(64) is None
    for changes in (
        {"seed": 1}, {"data": "other"}, {"input_size": [64, 64]}, {"recipe": {**recipe, "epochs": 12}},
        {"network": "other"},
    ):  # fmt: skip
        trained_by_photo_networks(work / "tiny_darknet", tmp_path / "photos", **changes)
        assert found() is None, changes
    older = {name: value for name, value in recipe.items() if name not in ("temperature", "branch_scale")}
    trained_by_photo_networks(work / "tiny_darknet", tmp_path / "photos", recipe=older)
    assert found() is None  # before there were small branches, it began with whole ones
    older["branch_scale"] = recipe["branch_scale"]
    trained_by_photo_networks(work / "tiny_darknet", tmp_path / "photos", recipe=older)
    assert found() is not None
    (work / "tiny_darknet" / "model.train").mkdir()
    (work / "tiny_darknet" / "model.train" / "settings.json").touch()
    assert found() is None  # it is being trained again


@pytest.mark.slow
def test_a_network_is_squished_and_the_table_continues(
    squished: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("train", "validation", "test"):
        write_images(tmp_path / "photos" / part)
    table, work = tmp_path / "a.csv", tmp_path / "work"
    given = [str(tmp_path / "photos"), "--work", str(work), "--table", str(table), "--input-size", "48"]
    given += ["--founder-epochs", "1", "--offspring-epochs", "1", "--seeds", "3"]
    squished.main(given)
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["network"] for row in rows] == ["founder", *(f"offspring-{number}" for number in (1, 2, 3, 4))]
    sizes = [int(row["bytes"]) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    assert all(float(row["test_low"]) <= float(row["test_top1"]) <= float(row["test_high"]) for row in rows)
    assert all(row["training_seconds"] and row["machine"] for row in rows)
    assert "seed 3: " in capsys.readouterr().out
    monkeypatch.setattr("subprocess.run", None)  # nothing is run again
    squished.main(given)
    table.unlink()
    squished.main(given)  # from the documents
    with table.open(encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == rows
    with pytest.raises(SystemExit, match="other settings"):
        squished.main([*given, "--offspring", "2"])
