"""What `train` says before it begins, and by which recipe it trains photographs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.commands import run_cli
from helpers.training import load_weights
from sqnxt_tf import RECIPES, train
from sqnxt_tf.networks.registry import layer_rows
from sqnxt_tf.options.training import TrainOptions
from sqnxt_tf.training.estimates import Workload
from sqnxt_tf.training.run_options import Saving
from sqnxt_tf.workflows.train import plan_training
from sqnxt_tf.workflows.train_plan import IMAGENET_SIZED, default_recipe, resolved_recipe

PHOTOS = replace(RECIPES["photos"], epochs=2, batch=4)


@pytest.fixture
def folder(tmp_path: Path, make_images: Any) -> Path:
    for split, count in (("train", 7), ("validation", 2), ("test", 2)):
        make_images(tmp_path / "data" / split, count)
    return tmp_path / "data"


def test_folders_below_imagenets_size_are_trained_by_the_recipe_for_photos(folder: Path) -> None:
    options = TrainOptions(data=str(folder))
    assert default_recipe(options, IMAGENET_SIZED - 1) == RECIPES["photos"]
    assert default_recipe(options, IMAGENET_SIZED) == RECIPES["paper"]
    assert default_recipe(TrainOptions(data="digits"), 1259) == RECIPES["digits"]
    assert default_recipe(TrainOptions(data="digits", start_from="a.keras"), 14) == RECIPES["finetune"]
    for more in ({}, {"qat": "int8"}):
        tuning = default_recipe(TrainOptions(data=str(folder), start_from="a.keras", **more), 14)
        assert (tuning.augmentation, tuning.optimizer, tuning.branch_scale) == ("photos", "adamw", 1)
        assert tuning.rate < RECIPES["photos"].rate


def test_the_plan_of_a_run_names_steps_warm_up_memory_and_files_and_writes_none(folder: Path) -> None:
    output = folder.parent / "model.keras"
    plan = plan_training("tiny_darknet", output, data=str(folder), input_size=32, changes={"batch": 4})
    epochs = RECIPES["photos"].epochs
    assert (plan.steps, plan.warmup_steps) == (4 * epochs, 4)  # 14 images in batches of 4
    assert plan.images == (14, 4)
    assert plan.cached_bytes == (14 + 4) * 40 * 40 * 3
    assert plan.memory_bytes > 10**9
    assert plan.files[:2] == (output, folder.parent / "model.train" / "settings.json")
    assert plan.notes == ()
    assert [path.name for path in folder.parent.iterdir()] == ["data"]


def test_a_warm_up_that_is_longer_than_the_run_is_told(folder: Path) -> None:
    plan = plan_training(
        "tiny_darknet", folder.parent / "m.keras", data=str(folder), recipe=RECIPES["paper"], input_size=32,
        changes={"batch": 4, "epochs": 8},
    )  # fmt: skip
    assert plan.notes[0].startswith("the warm-up of 199,680 steps is as long as the run of 32 or longer")


@pytest.mark.parametrize(("workers", "card", "changes", "is_bounded"), [
    (1, False, {}, True), (32, False, {}, False), (1, True, {}, False), (1, False, {"batch": 1024}, False),
])  # fmt: skip
def test_a_batch_is_bounded_where_one_processor_has_to_hold_it(
    monkeypatch: pytest.MonkeyPatch, workers: int, card: bool, changes: dict[str, int], is_bounded: bool
) -> None:
    module = "sqnxt_tf.workflows.train_plan"
    monkeypatch.setattr(f"{module}.check_cluster", lambda strategy: workers)
    monkeypatch.setattr(f"{module}.has_graphics_card", lambda: card)
    monkeypatch.setattr("sqnxt_tf.training.estimates.memory_bytes", lambda: 16 * 10**9)
    workload = Workload.of_rows(layer_rows("sqnxt23v5_w1", classes=1000, input_size=227))
    recipe, notes = resolved_recipe(TrainOptions(data="digits", recipe=RECIPES["paper"], changes=changes), 1, workload)
    assert (recipe.batch < 1024) == is_bounded == bool(notes)


def test_the_command_line_prints_the_plan(folder: Path) -> None:
    arguments = ["train", "--network", "tiny_darknet", "--data", str(folder), "-o", "m.keras", "--dry-run"]
    document = run_cli(*arguments, "--json", cwd=folder.parent).json()
    assert document["recipe"]["optimizer"] == "adamw"
    assert document["recipe_name"] == "photos"
    assert "m.train/history.csv" in document["files"]


@pytest.mark.slow  # the fast tests cut a run from disk, and this one draws views, mixes and averages as well
def test_a_run_on_photos_that_is_cut_ends_as_if_it_had_not_been(folder: Path, tmp_path: Path) -> None:
    def run(output: Path, **settings: Any) -> Any:
        return train(
            "tiny_darknet", output, data=str(folder), recipe=PHOTOS, input_size=32, saving=Saving(steps=1), **settings
        )

    plans, tasks = [], []

    def cut(task: str, done: int, total: int, **figures: float) -> None:
        tasks.append(task)
        if (task, done) == ("training", 6):
            raise KeyboardInterrupt

    whole = run(tmp_path / "whole.keras")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut.keras", progress=cut, on_plan=plans.append)
    assert tasks[0] == "training"  # from the first second
    assert plans[0].recipe == PHOTOS
    resumed = run(tmp_path / "cut.keras")
    assert [row["loss"] for row in resumed.history] == [row["loss"] for row in whole.history]
    for due, found in zip(load_weights(tmp_path / "whole.keras"), load_weights(tmp_path / "cut.keras"), strict=True):
        np.testing.assert_array_equal(due, found)
