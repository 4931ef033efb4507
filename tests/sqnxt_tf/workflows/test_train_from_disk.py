from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.training import load_weights
from sqnxt_export import ExportError
from sqnxt_tf import RECIPES, load_data, train
from sqnxt_tf.data.unreadable import TooManyUnreadableError
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.run_folder import RunFolder
from sqnxt_tf.training.run_options import Saving
from sqnxt_tf.workflows.data_pack import pack

RECIPE = replace(RECIPES["digits"], epochs=2, batch=4, max_shift=2, augmentation="standard")


@pytest.fixture
def folder(tmp_path: Path, make_images: Any) -> Path:
    for split, count in (("train", 7), ("validation", 2), ("test", 2)):
        make_images(tmp_path / "data" / split, count)
    for path in ("train/a/00.jpg", "test/b/01.jpg"):
        (tmp_path / "data" / path).write_bytes(b"nothing")
    return tmp_path / "data"


def run(data: Path, output: Path, **settings: Any) -> Any:
    settings = {"saving": Saving(steps=1), **settings}
    return train("tiny_darknet", output, data=str(data), recipe=RECIPE, input_size=32, **settings)


@pytest.mark.parametrize("packed", [False, True])
def test_a_run_from_disk_that_is_cut_ends_as_if_it_had_not_been(folder: Path, tmp_path: Path, packed: bool) -> None:
    data = pack(folder, tmp_path / "packed", shards=2).path if packed else folder
    whole = run(data, tmp_path / "whole.keras")
    assert (whole.test.samples, len(whole.history)) == (3, 2)
    unreadable = [str(folder / path) for path in ("test/b/01.jpg", "train/a/00.jpg")]
    assert whole.to_json()["unreadable"] == ([] if packed else unreadable)  # packing left them out

    def cut(task: str, done: int, total: int, **figures: float) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "cut.keras", progress=cut)
    resumed = run(data, tmp_path / "cut.keras")
    for due, found in zip(load_weights(tmp_path / "whole.keras"), load_weights(tmp_path / "cut.keras"), strict=True):
        np.testing.assert_array_equal(due, found)
    assert [row["loss"] for row in resumed.history] == [row["loss"] for row in whole.history]


def test_past_the_limit_a_run_ends_with_the_list(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TooManyUnreadableError, match=r"train/a/00\.jpg"):
        run(folder, tmp_path / "model.keras", max_unreadable=0)
    assert len(load_data(str(folder), "train")) == 14


def interrupted(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_a_run_that_is_killed_as_it_ends_goes_on(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "model.keras"
    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "finish", interrupted)  # the model has been written
        with pytest.raises(KeyboardInterrupt):
            run(folder, output)
    due = load_weights(output)
    assert len(run(folder, output).history) == 2
    for ours, theirs in zip(due, load_weights(output), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ExportError, match="exists already"):
        run(folder, output)


def test_a_run_does_not_go_on_with_more_images_than_it_began_with(folder: Path, tmp_path: Path) -> None:
    def cut(task: str, done: int, total: int, **figures: float) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "model.keras", progress=cut)
    shutil.copy(folder / "train" / "a" / "01.jpg", folder / "train" / "a" / "99.jpg")
    with pytest.raises(SqnxtError, match=r"unfinished run of other settings \(images 14 -> 15\)"):
        run(folder, tmp_path / "model.keras")


def test_a_run_that_fails_before_its_first_checkpoint_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TooManyUnreadableError):
        run(folder, tmp_path / "model.keras", max_unreadable=0, saving=Saving())
    assert not (tmp_path / "model.train").exists()
