"""How offspring are trained: the recipe that suits their data, crops of photographs, and runs that continue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras as keras

from helpers.founders import write_founder
from helpers.training import Killed
from sqnxt_export.artifact.keras_file import read_weights
from sqnxt_tf.data.cached import Cached
from sqnxt_tf.data.data_source import DataKind, DataSource
from sqnxt_tf.options.training import EvolveOptions
from sqnxt_tf.training.fine_tuning import WITHOUT_NORM
from sqnxt_tf.training.recipe_files import FINETUNE, Recipe
from sqnxt_tf.workflows.breeding import Breeder, suitable_recipe
from sqnxt_tf.workflows.evolve import evolve

PHOTOS, DIGITS = DataSource("photos", DataKind.IMAGES), DataSource.parse("digits")
RECIPE = Recipe(
    epochs=2, batch=8, rate=0.01, warmup_rate=0.01, warmup_steps=0, augmentation="photos", keep="best", ema=0.9
)


def model(*, normed: bool) -> Any:
    norm = [keras.layers.BatchNormalization()] if normed else []
    return keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), *norm])


def test_the_default_recipe_suits_the_data_and_the_layers() -> None:
    assert suitable_recipe(model(normed=True), DIGITS) == FINETUNE
    assert suitable_recipe(model(normed=False), DIGITS) == WITHOUT_NORM
    for normed, rate in ((True, 1e-3), (False, 3e-4)):
        recipe = suitable_recipe(model(normed=normed), PHOTOS)
        assert (recipe.augmentation, recipe.optimizer, recipe.keep) == ("photos", "adamw", "best")
        assert recipe.rate == rate
        assert recipe.branch_scale == 1  # the branches have been learnt
        assert recipe.max_shift == 0


@pytest.fixture
def photos(tmp_path: Path, make_images: Any) -> Path:
    for part in ("train", "validation", "test"):
        make_images(tmp_path / "photos" / part, 8, "ab")
    return tmp_path / "photos"


def test_photographs_are_cropped_in_memory_and_a_cut_run_continues_bit_for_bit(photos: Path, tmp_path: Path) -> None:
    founder = write_founder(tmp_path / "founder.keras", "ab")
    options = EvolveOptions(data=DataSource.parse(photos), recipe=RECIPE, sizes=(2500,))
    breeder = Breeder.of(founder, tmp_path, options, lambda *_, **__: None)
    assert isinstance(breeder.parts.training, Cached)
    assert breeder.parts.training.stream.augmentation.smallest_crop == 0.35

    steps: list[int] = []

    def until(last: int) -> Any:
        def progress(task: str, done: int, total: int, **figures: float) -> None:
            if task == "training offspring-1":
                steps.append(done)
                if done == last:
                    raise Killed

        return progress

    whole = evolve(founder, tmp_path / "whole", options)
    with pytest.raises(Killed):
        evolve(founder, tmp_path / "cut", options, progress=until(3))
    assert (tmp_path / "cut" / "offspring-1.train" / "checkpoint.npz").exists()
    steps.clear()
    resumed = evolve(founder, tmp_path / "cut", options, progress=until(-1))
    assert min(steps) == 3  # of 4; an epoch, 2 steps, was saved
    ours, theirs = (dict(read_weights(line.path(line.members[1]))) for line in (whole, resumed))
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    assert not (tmp_path / "cut" / "offspring-1.train" / "checkpoint.npz").exists()
