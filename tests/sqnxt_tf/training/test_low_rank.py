"""Low-rank kernels: the best of their rank, and exact where the rank suffices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tf_keras as keras

from sqnxt_tf.training.low_rank import best_factors, factorised

layers = keras.layers


def model_of_rank(rank: int) -> Any:
    """Build a strided 1x1 convolution and a dense layer whose kernels have that rank."""
    keras.utils.set_random_seed(0)
    image = layers.Input((9, 9, 16))
    x = layers.Conv2D(32, 1, strides=2, activation="relu", name="pointwise")(image)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(16, 3, name="spatial")(x))
    model = keras.Model(image, layers.Dense(24, name="dense")(x))
    rng = np.random.default_rng(0)
    for layer in (model.get_layer("pointwise"), model.get_layer("dense")):
        inputs, outputs = layer.kernel.shape[-2:]
        product = rng.normal(size=(inputs, rank)) @ rng.normal(size=(rank, outputs))
        layer.set_weights([product.reshape(layer.kernel.shape), rng.normal(size=outputs)])
    return model


def test_kernels_whose_rank_suffices_are_exact() -> None:
    model = model_of_rank(3)
    result, ranks = factorised(model, 0.4)
    assert ranks == {"pointwise": (4, 16), "dense": (3, 16)}
    images = np.random.default_rng(1).normal(size=(3, 9, 9, 16)).astype(np.float32)
    expected = model(images).numpy()
    assert result(images).numpy() == pytest.approx(expected, abs=1e-4 * float(np.abs(expected).max()))
    assert result.get_layer("spatial").kernel.shape == (3, 3, 32, 16)
    sizes = [int(np.prod(result.get_layer(name).kernel.shape)) for name in ("pointwise/first", "pointwise")]
    assert sum(sizes) <= 0.4 * 16 * 32


def test_a_kernel_that_would_not_become_smaller_stays_whole() -> None:
    assert factorised(model_of_rank(3), 0.01)[1] == {}
    assert factorised(model_of_rank(3), 1.0)[1].keys() == {"pointwise", "dense"}


def test_the_factors_are_the_closest_of_their_rank() -> None:
    matrix = np.random.default_rng(0).normal(size=(12, 7)).astype(np.float32)
    singular = np.linalg.svd(matrix, compute_uv=False)
    left, right = best_factors(matrix, 3)
    assert np.linalg.norm(matrix - left @ right) == pytest.approx(np.linalg.norm(singular[3:]), rel=1e-4)
