"""Cross-layer equalisation changes weights and no answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tf_keras as keras

from sqnxt_tf.training.equalising import equalised

layers = keras.layers


def badly_scaled() -> Any:
    """Build a convolution, a depthwise and a dense layer whose channels differ by factors of up to a thousand."""
    keras.utils.set_random_seed(0)
    image = layers.Input((8, 8, 3))
    x = layers.ReLU()(layers.BatchNormalization(name="bn")(layers.Conv2D(8, 3, name="conv")(image)))
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu", name="depthwise")(x)
    x = layers.GlobalAveragePooling2D()(layers.MaxPooling2D(2)(x))
    model = keras.Model(image, layers.Dense(4, name="dense")(x))
    gamma = np.geomspace(0.01, 10, 8).astype(np.float32)
    bias, zeros = np.linspace(-1, 1, 8, dtype=np.float32), np.zeros(8, np.float32)
    model.get_layer("bn").set_weights([gamma, bias, zeros, zeros + 1])
    return model


def test_channels_have_alike_ranges_and_the_answers_stay() -> None:
    model = badly_scaled()
    result, pairs = equalised(model)
    assert pairs == 2
    images = np.random.default_rng(0).normal(size=(5, 8, 8, 3)).astype(np.float32)
    expected = model(images).numpy()
    assert result(images).numpy() == pytest.approx(expected, abs=1e-5 * float(np.abs(expected).max()))
    ranges = np.abs(result.get_layer("conv").kernel.numpy()).max(axis=(0, 1, 2))
    assert ranges.max() / ranges.min() < 40
    inward = np.abs(result.get_layer("depthwise").depthwise_kernel.numpy()).max(axis=(0, 1, 3))
    np.testing.assert_allclose(inward, np.abs(result.get_layer("dense").kernel.numpy()).max(axis=1), rtol=0.01)
    np.testing.assert_allclose(inward, ranges, rtol=0.01)


@pytest.mark.parametrize("between", ["relu6", "branch", "grouped"])
def test_layers_between_which_no_factor_can_move_are_left_alone(between: str) -> None:
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="first")(image)
    y = layers.ReLU(6.0)(x) if between == "relu6" else layers.ReLU()(x)
    y = layers.Conv2D(4, 3, groups=2 if between == "grouped" else 1, padding="same")(y)
    model = keras.Model(image, layers.Add()([x, y]) if between == "branch" else y)
    assert equalised(model)[1] == 0
