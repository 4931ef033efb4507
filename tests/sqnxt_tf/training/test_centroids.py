"""Fine-tuning of shared weights: they stay shared, zeros stay zero, and the loss does not rise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tf_keras as keras

from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.training.centroids import _Groups, fine_tune_centroids
from sqnxt_tf.training.kernels import kernels
from sqnxt_tf.training.recipe_files import CENTROIDS
from sqnxt_tf.training.run_options import RunOptions
from sqnxt_tf.training.strategies import make_strategy


@pytest.fixture(scope="module")
def shared() -> Any:
    """A small network, half of its weights zero, the others one of seven values a kernel."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Input((6, 6, 1)),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    rng = np.random.default_rng(0)
    for variable in kernels(model).values():
        values = rng.normal(0, 0.3, 7).astype(np.float32)
        variable.assign(rng.choice(values, variable.shape) * (rng.random(variable.shape) < 0.5))
    return model


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 96)
    images = rng.normal(size=(96, 6, 6, 1)) + labels[:, None, None, None]
    return Arrays(images.astype(np.float32), labels)


def tune(model: Any, arrays: Arrays, **numbers: float) -> Any:
    recipe = CENTROIDS.overridden(batch=32, max_shift=0, **numbers)
    return fine_tune_centroids(model, arrays, arrays, recipe, RunOptions(strategy=make_strategy("one-device")))


def test_equal_weights_stay_equal_and_the_loss_falls(shared: Any, arrays: Arrays) -> None:
    tuned = tune(shared, arrays, epochs=4)
    assert tuned.loss_after < 0.9 * tuned.loss_before
    assert [row["epoch"] for row in tuned.history] == [1, 2, 3, 4]
    moved = kernels(tuned.model)
    for name, variable in kernels(shared).items():
        before, after = variable.numpy().ravel(), moved[name].numpy().ravel()
        assert not after[before == 0].any()
        for value in np.unique(before[before != 0]):
            assert len(np.unique(after[before == value])) == 1
        assert not np.array_equal(before, after)
    norm, untouched = (m.layers[1].get_weights() for m in (tuned.model, shared))
    assert all(np.array_equal(a, b) for a, b in zip(norm, untouched, strict=True))


def test_a_loss_that_rises_leaves_the_values_as_they_were(shared: Any, arrays: Arrays) -> None:
    good = tune(shared, arrays, epochs=2).model
    worse = keras.models.clone_model(good)
    worse.set_weights([-weights for weights in good.get_weights()])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sqnxt_tf.training.centroids.train_in_strategy", lambda *_, **__: (worse, []))
        kept = fine_tune_centroids(good, arrays, arrays, CENTROIDS, RunOptions(strategy=make_strategy("one-device")))
    assert kept.loss_after == kept.loss_before
    assert all(np.array_equal(a, b) for a, b in zip(kept.model.get_weights(), good.get_weights(), strict=True))


def test_a_groups_gradient_is_the_mean_of_its_weights_gradients() -> None:
    kernel = np.array([[0.5, 0, 0.5], [-1, 0.5, 0]], np.float32)
    gradient = np.array([[1, 2, 3], [4, 8, 16]], np.float32)
    groups = _Groups.of(kernel)
    assert groups.mean(gradient).numpy() == pytest.approx(np.array([[4, 0, 4], [4, 4, 0]]))
    nearly = kernel + np.array([[1e-7, 0, 0], [0, 0, 0]], np.float32)
    assert len(np.unique(groups.average(nearly))) == 3
