"""`prune` as a user runs it: steered by pattern, scanned, killed and resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.commands import cli_command
from helpers.keras_networks import save_dense
from sqnxt_export import read_metadata
from sqnxt_export.artifact.keras_file import read_weights
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.recipe_files import Recipe
from sqnxt_tf.workflows.prune import prune
from sqnxt_tf.workflows.prune_scan import scan_sensitivity

RECIPE = Recipe(epochs=1, batch=64, rate=0.01, warmup_rate=0.01, warmup_steps=0)


@pytest.fixture
def dense(tmp_path: Path) -> Path:
    """A small untrained model for the digits."""
    return save_dense(tmp_path / "dense.keras")


def test_a_result_tells_accuracy_before_and_after_and_what_stays_dense(dense: Path, tmp_path: Path) -> None:
    result = prune(dense, tmp_path / "p.keras", excluded=["stem"], layer_sparsity={"class*": 0.75}, recipe=RECIPE)
    assert [round(layer.sparsity, 2) for layer in result.layers] == [0, 0.4, 0.75]
    assert result.dense == {"stem": "left out by 'stem'"}
    document = result.to_json()
    assert document["dense"] == [{"name": "stem", "reason": "left out by 'stem'"}]
    assert document["top1_before_interval"] == list(result.before.top1_interval)
    assert document["top1_lost"] == pytest.approx(result.top1_before - result.test.top1)
    again = prune(tmp_path / "p.keras", tmp_path / "q.keras", sparsity=0.5, recipe=RECIPE)
    assert again.top1_before == result.test.top1
    assert not (tmp_path / "p.train" / "checkpoint.npz").exists()


def test_images_on_disk_are_streamed(tmp_path: Path, make_images: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in ("train", "validation", "test"):
        make_images(tmp_path / "data" / split, 4)
    broken = tmp_path / "data" / "train" / "a" / "00.jpg"
    broken.write_bytes(b"nothing")
    monkeypatch.setattr("sqnxt_tf.data.arrays._LARGEST_ARRAY", 0)
    dense = save_dense(tmp_path / "dense.keras", classes=2, labels=("a", "b"))
    recipe = replace(RECIPE, batch=4, augmentation="standard")
    result = prune(dense, tmp_path / "p.keras", sparsity=0.5, data=str(tmp_path / "data"), recipe=recipe)
    assert (result.test.samples, result.unreadable) == (8, (str(broken),))
    assert [round(layer.sparsity, 1) for layer in result.layers] == [0.5] * 3


def test_photographs_are_fine_tuned_as_they_want_it(tmp_path: Path, make_images: Any) -> None:
    for split in ("train", "validation", "test"):
        make_images(tmp_path / "data" / split, 4)
    dense = save_dense(tmp_path / "dense.keras", classes=2, labels=("a", "b"))
    prune(dense, tmp_path / "p.keras", sparsity=0.5, data=str(tmp_path / "data"), changes={"epochs": 1, "rate": None})
    metadata = read_metadata(tmp_path / "p.keras")
    assert metadata is not None
    recipe = metadata.extra["pruning"]["recipe"]
    assert (recipe["augmentation"], recipe["rate"], recipe["epochs"], recipe["ema"]) == ("photos", 1e-3, 1, 0)


def test_what_cannot_be_pruned_is_refused_and_leaves_nothing(dense: Path, tmp_path: Path) -> None:
    other = save_dense(tmp_path / "other.keras", classes=3, labels=())
    before = sorted(tmp_path.iterdir())
    for model, settings, fault in (
        (dense, {"excluded": ["stm"]}, "matches no layer that can be pruned; did you mean stem"),
        (dense, {"recipe": replace(RECIPE, max_shift=9)}, "max_shift = 9 is more than"),
        (other, {}, r"answers with \(None, 3\), and digits/train has 10 classes"),
    ):
        with pytest.raises(SqnxtError, match=fault):
            prune(model, tmp_path / "p.keras", **{"recipe": RECIPE, **settings})
        assert sorted(tmp_path.iterdir()) == before


def test_a_model_that_does_not_name_its_data_is_not_fine_tuned_on_the_digits(tmp_path: Path) -> None:
    for data, fault in (("", "does not say what it was trained on"), ("a/test", "was trained on a/test, not on")):
        model = save_dense(tmp_path / f"m{len(data)}.keras", data=data)
        for call in (lambda path: prune(path, tmp_path / "p.keras", recipe=RECIPE), scan_sensitivity):
            with pytest.raises(SqnxtError, match=f"{fault}.*give `data` its own data"):
                call(model)
    assert not (tmp_path / "p.keras").exists()


def test_a_scan_sorts_the_layers_and_writes_nothing(dense: Path, tmp_path: Path) -> None:
    before = dense.read_bytes()
    scanned = scan_sensitivity(dense, sparsities=(0.9, 0.5), excluded=["stem"], images=50)
    assert {layer.name for layer in scanned.found.layers} == {"grouped", "classifier"}
    document = scanned.to_json()
    assert (document["samples"], document["sparsities"], document["data"]) == (50, [0.5, 0.9], "digits/validation")
    for layer in document["layers"]:
        assert set(layer) == {"name", "weights", "points", "sensitivity"}
        assert [point["sparsity"] for point in layer["points"]] == [0.5, 0.9]
        assert layer["points"][1]["zeros"] == round(0.9 * layer["weights"])
    rises = [layer["sensitivity"] for layer in document["layers"]]
    assert rises == sorted(rises, reverse=True)
    assert dense.read_bytes() == before
    assert list(tmp_path.iterdir()) == [dense]
    with pytest.raises(SqnxtError, match="there are none"):
        scan_sensitivity(dense, sparsities=())


def command_of(output: str, *options: object) -> list[str]:
    prune = ["prune", "dense.keras", "--schedule", "polynomial", "--sparsity", 0.6, "--epochs", 4, "--rate", 0.02]
    return [*map(str, [*prune, "-o", output, *options])]


def kill_after_epochs(epochs: int, command: list[str], folder: Path) -> None:
    """Start a command and kill it, as the system would, in the epoch after that many."""
    process = subprocess.Popen(cli_command(*command), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 400
        while not any(len(path.read_text().splitlines()) > epochs for path in folder.glob("*.train/history.csv")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_with_the_same_weights_bit_for_bit(dense: Path, tmp_path: Path, cli: Any) -> None:
    kill_after_epochs(2, command_of("killed.keras"), tmp_path)
    assert not (tmp_path / "killed.keras").exists()
    assert "sparsity 0.6 -> 0.5" in cli(*command_of("killed.keras", "--sparsity", 0.5)).error_line()
    whole_model = dense.read_bytes()
    save_dense(dense.with_name("other.keras"), seed=2).replace(dense)
    assert "model_sha256" in cli(*command_of("killed.keras")).error_line()
    dense.write_bytes(whole_model)

    resumed = cli(*command_of("killed.keras", "--json")).json()
    whole = cli(*command_of("whole.keras", "--json")).json()
    assert resumed["epochs"] == whole["epochs"] == 4
    assert resumed["layers"] == whole["layers"]
    assert {layer["name"]: round(layer["sparsity"], 2) for layer in whole["layers"]} == dict.fromkeys(
        ("stem", "grouped", "classifier"), 0.6
    )
    ours, theirs = (dict(read_weights(tmp_path / f"{name}.keras")) for name in ("killed", "whole"))
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])
    assert "exists already" in cli(*command_of("killed.keras")).error_line()
    assert sorted(path.name for path in (tmp_path / "killed.train").iterdir()) == [
        "finished.json",
        "history.csv",
        "tensorboard",
    ]
