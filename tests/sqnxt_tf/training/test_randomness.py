from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sqnxt_tf.training.randomness import seed_random_layers


def outputs(layer: str, seed: int, steps: list[int]) -> list[Any]:
    """What two random layers of the same kind make of ones at those steps, in a compiled function."""
    import tensorflow as tf
    import tf_keras as keras

    make = {
        "dropout": lambda: keras.layers.Dropout(0.5),
        "noise": lambda: keras.layers.GaussianNoise(1.0),
        "gaussian": lambda: keras.layers.GaussianDropout(0.5),
        "spatial": lambda: keras.layers.SpatialDropout2D(0.5),
        "alpha": lambda: keras.layers.AlphaDropout(0.5),
    }[layer]
    image = keras.layers.Input((4, 4, 8))
    model = keras.Model(image, [make()(image), make()(image)])
    step = tf.Variable(0, dtype=tf.int64)
    config = model.get_config()
    seed_random_layers(model, seed, step)
    assert model.get_config() == config
    run = tf.function(lambda: model(tf.ones([3, 4, 4, 8]), training=True))
    found = []
    for each in steps:
        step.assign(each)
        found.append([part.numpy() for part in run()])
    return found


@pytest.mark.parametrize("layer", ["dropout", "noise", "gaussian", "spatial", "alpha"])
def test_random_layers_draw_by_seed_step_and_place(layer: str) -> None:
    zero, one, again = outputs(layer, 3, [0, 1, 0])
    for ours, theirs in zip(zero, again, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(outputs(layer, 3, [1])[0], one)
    assert not np.array_equal(zero[0], zero[1])
    assert not np.array_equal(zero[0], one[0])
    assert not np.array_equal(zero[0], outputs(layer, 4, [0])[0][0])


def test_dropout_keeps_the_mean() -> None:
    drawn = np.array(outputs("dropout", 0, list(range(40))))
    assert set(np.unique(drawn)) == {0.0, 2.0}
    assert drawn.mean() == pytest.approx(1, abs=0.02)
