"""Batch norm folded into the layer before it: the same answers, wherever folding is right and where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tf_keras as keras

from sqnxt_tf.training.folding import fold_batch_norm
from sqnxt_tf.training.kernels import kernels

layers = keras.layers


def randomised(model: Any) -> Any:
    rng = np.random.default_rng(0)
    for layer in model.layers:
        values = [
            rng.uniform(0.5, 1.5, variable.shape)
            if "variance" in variable.name or "gamma" in variable.name
            else rng.normal(0, 0.5, variable.shape)
            for variable in layer.weights
        ]
        layer.set_weights(values)
    return model


def norms(model: Any) -> list[str]:
    return [layer.name for layer in model.layers if type(layer).__name__ == "BatchNormalization"]


def every_layer(image: Any) -> Any:
    x = layers.Conv2D(6, 3, use_bias=False, groups=3, name="grouped")(image)
    x = layers.ReLU()(layers.BatchNormalization(name="grouped_bn")(x))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(x)
    x = layers.BatchNormalization(scale=False, name="depthwise_bn")(x)
    x = layers.SeparableConv2D(5, 3, use_bias=False, name="separable")(x)
    x = layers.BatchNormalization(center=False, name="separable_bn")(x)
    x = layers.Dense(4, name="dense")(layers.GlobalAveragePooling2D()(x))
    return layers.BatchNormalization(name="dense_bn")(x)


def after_an_activation(image: Any) -> Any:
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    return layers.BatchNormalization(name="stays")(x)


def with_another_reader(image: Any) -> Any:
    x = layers.Conv2D(4, 3, name="conv")(image)
    return layers.Add()([x, layers.BatchNormalization(name="stays")(x)])


def called_twice(image: Any) -> Any:
    conv = layers.Conv2D(3, 1, name="conv")
    return layers.BatchNormalization(name="stays")(conv(conv(image)))


def after_a_sum(image: Any) -> Any:
    x = layers.Add()([image, layers.Conv2D(3, 1, name="conv")(image)])
    return layers.BatchNormalization(name="stays")(x)


def over_another_axis(image: Any) -> Any:
    return layers.BatchNormalization(axis=1, name="stays")(layers.Conv2D(3, 1, name="conv")(image))


@pytest.mark.parametrize(
    ("build", "left"),
    [
        (every_layer, []),
        (after_an_activation, ["stays"]),
        (with_another_reader, ["stays"]),
        (called_twice, ["stays"]),
        (after_a_sum, ["stays"]),
        (over_another_axis, ["stays"]),
    ],
)
def test_what_is_folded_computes_the_same(build: Any, left: list[str]) -> None:
    image = layers.Input((9, 9, 3))
    model = randomised(keras.Model(image, build(image)))
    folded = fold_batch_norm(model)
    assert norms(folded) == left
    images = np.random.default_rng(1).normal(size=(5, 9, 9, 3)).astype(np.float32)
    expected = model(images).numpy()
    assert folded(images).numpy() == pytest.approx(expected, abs=1e-5 * float(np.abs(expected).max()))
    assert [layer.name for layer in folded.layers] == [layer.name for layer in model.layers]


def test_zeros_stay_zeros_and_the_model_itself_is_left_alone() -> None:
    image = layers.Input((9, 9, 3))
    model = randomised(keras.Model(image, every_layer(image)))
    for variable in kernels(model).values():
        variable.assign(np.where(np.random.default_rng(2).random(variable.shape) < 0.4, 0, variable.numpy()))
    before = model.get_weights()
    folded = kernels(fold_batch_norm(model))
    for name, variable in kernels(model).items():
        assert np.array_equal(variable.numpy() == 0, folded[name].numpy() == 0), name
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
