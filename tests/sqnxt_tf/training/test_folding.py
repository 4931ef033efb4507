"""Batch norm folded into the layer before it: the same answers, wherever folding is right and where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tf_keras as keras

from helpers.nested_networks import twins
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


def transposed_and_volumes(image: Any) -> Any:
    x = layers.Conv2DTranspose(4, 3, strides=2, use_bias=False, name="up2d")(image)
    x = layers.BatchNormalization(name="up2d_bn")(x)
    x = layers.Reshape((19, 19, 4, 1))(x)
    x = layers.BatchNormalization(name="conv3d_bn")(layers.Conv3D(2, 2, name="conv3d")(x))
    x = layers.BatchNormalization(name="up3d_bn")(layers.Conv3DTranspose(3, 2, name="up3d")(x))
    x = layers.Reshape((361, 12))(x)
    x = layers.BatchNormalization(name="conv1d_bn")(layers.Conv1D(5, 3, strides=2, name="conv1d")(x))
    x = layers.BatchNormalization(name="up1d_bn")(layers.Conv1DTranspose(4, 3, name="up1d")(x))
    x = layers.BatchNormalization(name="depthwise1d_bn")(layers.DepthwiseConv1D(3, name="depthwise1d")(x))
    x = layers.BatchNormalization(name="separable1d_bn")(layers.SeparableConv1D(6, 3, name="separable1d")(x))
    return layers.Dense(4, name="dense")(layers.GlobalAveragePooling1D()(x))


def behind_dropout(image: Any) -> Any:
    x = layers.SpatialDropout2D(0.2)(layers.Dropout(0.5)(layers.Conv2D(4, 3, name="conv")(image)))
    return layers.BatchNormalization(name="bn")(x)


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
        (transposed_and_volumes, []),
        (behind_dropout, []),
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


def shared_by_two_calls(image: Any) -> Any:
    """A nested model that is called twice, once in inference mode, with a layer that another model shares."""
    features = layers.Input((9, 9, 3))
    conv = layers.Conv2D(3, 1, name="conv")
    x = layers.BatchNormalization(name="bn")(conv(features))
    inner = keras.Model(features, layers.Dropout(0.5)(x), name="inner")
    other = keras.Sequential([layers.Input((9, 9, 3)), conv, layers.ReLU()], name="other")
    return layers.Add()([inner(image), inner(image, training=False), other(image), image * 0.5])


def test_a_flat_copy_computes_the_same_and_shares_what_was_shared() -> None:
    image = layers.Input((9, 9, 3))
    model = keras.Model(image, shared_by_two_calls(image))
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            randomised(layer)
    flat = fold_batch_norm(model)
    assert list(kernels(flat)) == list(kernels(model)) == ["inner/conv/kernel"]
    images = np.random.default_rng(1).normal(size=(5, 9, 9, 3)).astype(np.float32)
    assert flat(images).numpy() == pytest.approx(model(images).numpy(), abs=1e-5)


def test_batch_norm_is_folded_at_every_level_and_across_borders() -> None:
    model = twins()
    for layer in [*model.layers, *model.get_layer("a").layers, *model.get_layer("b").layers]:
        if type(layer).__name__ == "BatchNormalization":
            values = [np.random.default_rng(0).uniform(0.5, 1.5, weights.shape) for weights in layer.get_weights()]
            layer.set_weights(values)
    flat = fold_batch_norm(model)
    assert norms(flat) == []
    places = [f"{name}/kernel" for name in ("stem", "a/conv", "a/out", "b/conv", "b/out", "head")]
    assert sorted(kernels(flat)) == sorted(kernels(model)) == sorted(places)
    images = np.random.default_rng(1).normal(size=(5, 8, 8, 3)).astype(np.float32)
    assert flat(images).numpy() == pytest.approx(model(images).numpy(), abs=1e-5)


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
