"""Small residual branches: found in every family, and they really keep the gradients of deep networks from growing."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from sqnxt_tf import build
from sqnxt_tf.training.branch_scales import scale_branches

layers = keras.layers


def gammas(model: Any) -> dict[str, float]:
    norms = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
    return {norm.name: float(norm.gamma.numpy().mean()) for norm in norms}


@pytest.mark.parametrize(
    ("network", "sums"), [("sqnxt23v5_w1", 21), ("sqnxt23_w1", 21), ("sqnxt23g_w1", 21), ("tiny_darknet", 0)]
)
def test_every_sum_has_one_branch_and_nothing_else_changes(network: str, sums: int) -> None:
    model = build(network, classes=10, input_size=64, seed=0)
    found = scale_branches(model, 0.1)
    assert len(set(found)) == sums
    assert all(name.endswith("_expand_bn") for name in found)
    assert gammas(model) == {name: pytest.approx(0.1 if name in found else 1.0) for name in gammas(model)}


def block(x: Any, name: str, *, projected: bool, activation: Any) -> Any:
    y = x
    for place in range(3):
        y = layers.BatchNormalization(name=f"{name}_bn{place}")(layers.Conv2D(4, 3, padding="same")(y))
        y = activation()(y)
    if projected:
        x = layers.BatchNormalization(name=f"{name}_projection_bn")(layers.Conv2D(4, 1)(x))
    return layers.Add()([x, y])


@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("activation", [layers.ReLU, lambda: lambda x: x, partial(layers.Activation, "swish")])
def test_the_branch_is_the_longest_input_of_a_sum_with_or_without_an_activation(
    projected: bool, activation: Any
) -> None:
    image = keras.Input((8, 8, 4))
    model = keras.Model(image, block(image, "block", projected=projected, activation=activation))
    assert scale_branches(model, 0.5) == ("block_bn2",)


def test_sums_without_batch_norm_stay() -> None:
    image = keras.Input((8, 8, 4))
    unscaled = layers.BatchNormalization(scale=False)(layers.Conv2D(4, 1)(image))
    model = keras.Model(image, layers.Add()([image, layers.Conv2D(4, 1)(image), unscaled]))
    assert scale_branches(model, 0.1) == ()


def relative_gradients(scale: float) -> dict[str, float]:
    """Return the gradient of each kernel in 1.0-SqNxt-23v5, relative to the kernel itself."""
    model = build("sqnxt23v5_w1", classes=10, input_size=64, seed=0)
    scale_branches(model, scale)
    rng = np.random.default_rng(0)
    images = rng.normal(0, 0.5, (32, 8, 8, 3)).repeat(8, 1).repeat(8, 2).astype(np.float32)
    with tf.GradientTape() as tape:
        answers = model(images, training=True)
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(np.arange(32) % 10, answers, True))
    kernels = [variable for variable in model.trainable_variables if variable.shape.rank == 4]
    gradients = tape.gradient(loss, kernels)
    return {kernel.name: float(tf.norm(g) / tf.norm(kernel)) for kernel, g in zip(kernels, gradients, strict=True)}


def test_gradients_do_not_grow_from_the_last_layers_to_the_first() -> None:
    first, last = "stem/kernel:0", "stage4_block1_conv1x3/kernel:0"
    whole, small = relative_gradients(1.0), relative_gradients(0.1)
    assert whole[first] > 20 * small[first]
    assert whole[first] / whole[last] > 1000
    assert small[first] / small[last] < 500
