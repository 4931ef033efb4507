"""Batch-norm statistics of random weights: answers depend on the image, so that every precision can be tried out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqnxt_tf.networks.noise_statistics import noise_pixels, set_noise_statistics


def _answers(network: str, seed: int | None = None) -> Any:
    from sqnxt_tf.sources import open_source

    source = open_source(network, classes=10, input_size=64, seed=seed)
    images = noise_pixels(64, 64, 3, seed=99) - np.asarray(source.preprocessing.mean, np.float32)
    return source.model(images).numpy()


@pytest.mark.parametrize("network", ["mobilenet_w1", "tiny_darknet"])
def test_answers_of_a_named_network_depend_on_the_image(network: str) -> None:
    answers = _answers(network)
    assert np.ptp(answers, axis=0).max() > 0.05 * np.abs(answers).max() > 1e-3


def test_statistics_depend_on_the_seed_alone() -> None:
    first, again, other = (_answers("mobilenet_w1", seed) for seed in (3, 3, 4))
    np.testing.assert_allclose(first, again, rtol=1e-3, atol=1e-4 * np.abs(first).max())
    assert np.abs(first - other).max() > 0.1 * np.abs(first).max()


def test_only_statistics_change() -> None:
    import tf_keras as keras

    layers = keras.layers
    norm = layers.BatchNormalization()
    image = layers.Input((16, 16, 3))
    model = keras.Model(image, layers.Dense(3)(layers.Flatten()(norm(layers.Conv2D(4, 3)(image)))))
    before = model.get_weights()
    set_noise_statistics(model, mean=(128.0,) * 3, scale=(64.0,) * 3, seed=0)
    changed = [not np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True)]
    names = [weight.name.split("/")[-1].split(":")[0] for weight in model.weights]
    assert [name for name, differs in zip(names, changed, strict=True) if differs] == ["moving_variance"]
    assert "call" not in vars(norm)


def test_float16_moves_random_logits_no_more_than_trained_ones() -> None:
    """Statistics per channel made deep random networks chaotic: float16 was refused for a random SqueezeNext."""
    from sqnxt_tf.sources import open_source

    model = open_source("mobilenet_w1", classes=10, input_size=64).model
    images = noise_pixels(64, 64, 3, seed=99) - np.float32(118)
    exact = model(images).numpy()

    def rounded(weight: Any) -> Any:
        return weight.astype(np.float16).astype(np.float32) if weight.ndim > 1 else weight

    model.set_weights([rounded(weight) for weight in model.get_weights()])
    assert np.abs(model(images).numpy() - exact).max() < 2e-3 * np.abs(exact).max()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(height=st.integers(1, 80), width=st.integers(1, 80), channels=st.integers(1, 3), seed=st.integers(0, 5))
def test_noise_is_pixels_of_any_size(height: int, width: int, channels: int, seed: int) -> None:
    pixels = noise_pixels(height, width, channels, seed=seed)
    assert pixels.shape[1:] == (height, width, channels)
    assert pixels.dtype == np.float32
    assert 0 <= pixels.min() <= pixels.max() <= 255
    assert np.ptp(pixels, axis=0).max() > 20


@pytest.mark.slow
def test_a_random_mobilenet_can_be_tried_in_int8(tmp_path: Path) -> None:
    """It was refused: its logits of 1e-17 had no scale."""
    from sqnxt_tf import export

    result = export("mobilenet_w1", tmp_path / "m.tflite", precision="int8", input_size=96)
    assert result.parity.passed
    assert not result.parity.proves_nothing
