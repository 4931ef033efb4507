"""Training runs on a network small enough for seconds."""

from __future__ import annotations

import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.training import Killed, kill_at, stripes
from sqnxt_export import Preprocessing
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.data.pipeline import InMemory
from sqnxt_tf.data.streaming import Streamed
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.loop import Trained, train_model
from sqnxt_tf.training.recipe_files import Recipe
from sqnxt_tf.training.run_folder import RunFolder
from sqnxt_tf.training.run_options import RunOptions, Saving
from sqnxt_tf.training.strategies import make_strategy

RECIPE = Recipe(epochs=4, batch=8, rate=0.05, warmup_rate=0.05, warmup_steps=0, max_shift=1)


def small_model() -> Any:
    import tf_keras as keras

    layers = keras.layers
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same", kernel_initializer=keras.initializers.GlorotUniform(seed=1))(image)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.ReLU()(x)
    x = layers.Dropout(0.2, seed=4)(x)
    x = layers.Conv2D(8, 3, groups=2, kernel_initializer=keras.initializers.GlorotUniform(seed=2))(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(seed=3))(x))


def run(recipe: Recipe = RECIPE, **options: Any) -> Trained:
    strategy = options.pop("strategy", None) or make_strategy("one-device")
    settings = RunOptions(strategy=strategy, seed=3, **options)
    return train_model(small_model, stripes(36, 0), stripes(12, 1), recipe, settings)


def weights_of(model: Any) -> np.ndarray[Any, Any]:
    return np.concatenate([weights.ravel() for weights in model.get_weights()])


def test_it_learns_and_tells_how_far_it_is() -> None:
    told: list[tuple[int, int]] = []
    result = run(
        replace(RECIPE, epochs=12),
        progress=lambda task, done, total, **figures: told.append((done, total)),
    )
    assert result.history[-1]["val_accuracy"] > 0.9
    assert [row["epoch"] for row in result.history] == list(range(1, 13))
    assert told[-1] == (60, 60)
    assert set(result.history[0]) == {"epoch", "rate", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"}


def test_the_same_seed_gives_the_same_weights() -> None:
    np.testing.assert_array_equal(weights_of(run().model), weights_of(run().model))


@pytest.mark.parametrize(
    "recipe",
    [
        RECIPE,
        replace(RECIPE, ema=0.9, label_smoothing=0.1, schedule="cosine", synchronized_batch_norm=True),
        replace(RECIPE, precision="mixed_float16"),
        replace(RECIPE, optimizer="adamw", rate=0.01, ema=0.9, mixup=0.4, warmup_epochs=1, keep="best"),
    ],
)
def test_a_run_that_was_cut_ends_with_the_weights_of_one_that_was_not(tmp_path: Path, recipe: Recipe) -> None:
    folder = RunFolder(tmp_path / "m.train")
    folder.begin({"seed": 3})
    with pytest.raises(Killed):
        run(recipe, folder=folder, saving=Saving(steps=4), progress=kill_at(13))
    told: list[int] = []
    resumed = run(recipe, folder=folder, progress=lambda task, done, total, **figures: told.append(done))
    assert told[0] == 13  # step 12 was saved
    whole = run(recipe)
    np.testing.assert_array_equal(weights_of(resumed.model), weights_of(whole.model))
    without_seconds = [
        [{name: value for name, value in row.items() if name != "seconds"} for row in result.history]
        for result in (resumed, whole)
    ]
    assert without_seconds[0] == without_seconds[1]


def test_the_best_epoch_is_kept_and_patience_ends_a_run_that_gets_no_better(tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=30, rate=0.5, warmup_rate=0.5, decay_power=0, patience=2, keep="best")
    whole = run(recipe)
    accuracies = [(row["val_accuracy"], -row["val_loss"]) for row in whole.history]
    best = accuracies.index(max(accuracies))
    assert len(accuracies) == min(best + 1 + recipe.patience, recipe.epochs) < recipe.epochs
    validation = stripes(12, 1)
    right = np.argmax(whole.model.predict(validation.images, verbose=0), axis=-1) == validation.labels
    assert right.mean() == pytest.approx(max(accuracies)[0])
    folder = RunFolder(tmp_path / "m.train")
    folder.begin({"seed": 3})
    with pytest.raises(Killed):  # after the best epoch, so that its weights come from the checkpoint
        run(recipe, folder=folder, saving=Saving(steps=1), progress=kill_at(5 * (best + 1) + 4))
    np.testing.assert_array_equal(weights_of(run(recipe, folder=folder).model), weights_of(whole.model))


def test_a_model_that_is_changed_as_it_trains_keeps_its_last_epoch() -> None:
    recipe = replace(RECIPE, epochs=4, rate=0.5, warmup_rate=0.5, patience=1, keep="best")
    changed = run(recipe, change_gradient=lambda place, gradient: gradient)
    assert len(changed.history) == 4
    last = run(replace(recipe, patience=0, keep="last"))
    np.testing.assert_array_equal(weights_of(changed.model), weights_of(last.model))


def test_changed_settings_are_refused_and_named(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "m.train")
    folder.begin({"seed": 3, "recipe": {"batch": 8}})
    folder.begin({"seed": 3, "recipe": {"batch": 8}})
    with pytest.raises(SqnxtError, match=r"of other settings \(seed 3 -> 4\); .*`force=True`"):
        folder.begin({"seed": 4, "recipe": {"batch": 8}})
    folder.begin({"seed": 4}, force=True)


def test_force_forgets_a_finished_run_and_goes_on_with_an_unfinished_one(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "m.train")
    folder.begin({"seed": 3})
    run(folder=folder)
    (folder.path / "mine.txt").write_text("precious")
    folder.begin({"seed": 3}, force=True)
    assert run(folder=folder, progress=lambda *args, **figures: pytest.fail("nothing is left to train")).history
    folder.finish()
    folder.begin({"seed": 3}, force=True)
    assert {path.name for path in folder.path.iterdir()} == {"settings.json", "mine.txt"}


@pytest.mark.parametrize("name", ["checkpoint.npz", "settings.json"])
def test_damaged_state_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    folder = RunFolder(tmp_path / "m.train")
    folder.begin({"seed": 3})
    run(folder=folder)
    path = next(folder.path.rglob(name))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    def go_on() -> None:
        folder.begin({"seed": 3})
        run(folder=folder)

    with pytest.raises(SqnxtError, match=r"is damaged.*pass `force=True` to start afresh"):
        go_on()


def test_a_history_that_is_damaged_is_written_anew(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "m.train")
    folder.begin({"seed": 3})
    run(folder=folder)
    path = folder.path / "history.csv"
    whole = path.read_text()
    path.write_text(whole[:40])
    run(folder=folder)
    assert path.read_text() == whole


def test_a_run_that_diverges_ends(tmp_path: Path) -> None:
    with pytest.raises(SqnxtError, match=r"the loss is .* at step .*lower `rate`"):
        run(replace(RECIPE, rate=1000, warmup_rate=1000, epochs=20))


def test_a_run_that_fails_leaves_no_thread_at_its_data() -> None:
    """One that needs Python while Python ends waits for ever, and the end for it, as long as the error is kept."""
    began, ended, file = [], [], BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")

    def read(index: int) -> tuple[bytes, int]:
        began.append(index)
        time.sleep(0.1)
        ended.append(index)
        return file.getvalue(), 0

    def cut(task: str, done: int, total: int, **figures: float) -> None:
        if done == 2:
            raise KeyboardInterrupt

    files = np.arange(64, dtype=np.int32)
    images = EncodedImages(name="slow", class_names=("a", "b"), sources=("s",) * 64, files=files, read=read)
    data = Streamed(images=images, preprocessing=Preprocessing.plain(8, 8))
    settings = RunOptions(strategy=make_strategy("one-device"), progress=cut)
    with pytest.raises(KeyboardInterrupt) as kept:
        train_model(small_model, data, stripes(12, 1), RECIPE, settings)
    done = len(began)
    time.sleep(0.3)
    assert kept.value
    assert len(began) == len(ended) == done


def test_validation_data_that_workers_cannot_divide_are_refused_before_the_first_step() -> None:
    class Few(InMemory):
        def evaluation(self, **which: Any) -> Any:
            raise SqnxtError("data", "has 2 files for 3 workers")

    told: list[int] = []
    settings = RunOptions(
        strategy=make_strategy("one-device"), progress=lambda task, done, total, **figures: told.append(done)
    )
    with pytest.raises(SqnxtError, match="2 files for 3 workers"):
        train_model(small_model, stripes(36, 0), Few(arrays=stripes(12, 1)), RECIPE, settings)
    assert not told
