"""Draws of survivors: strong groups survive more often, sizes hold their limit, and a seed repeats a draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.evolution.channels import ChannelMap, LayerChannels, trace_channels
from sqnxt_tf.evolution.survival import draw_survivors, filter_strengths, group_strengths

FILTERS = 400


@pytest.fixture
def channels() -> ChannelMap:
    """Return one 1x1 convolution of many filters that no layer reads, on a fixed image of three channels."""
    made = np.arange(FILTERS)
    image = np.arange(FILTERS, FILTERS + 3)
    layer = LayerChannels(
        name="wide", made=made, variables=((None, None, image, made),), shapes=((1, 1, 3, FILTERS),),
        widths={"filters": made},
    )  # fmt: skip
    fixed = dict.fromkeys(image.tolist(), "they are the model's input")
    return ChannelMap(layers={"wide": layer}, group_count=FILTERS + 3, fixed=fixed)


def draw(channels: ChannelMap, strengths: Any, *, largest: int, seed: int = 0) -> Any:
    return draw_survivors(channels, strengths, np.random.default_rng(seed), largest=largest)


def test_the_probability_is_the_environment_times_the_exponential_of_the_strength(channels: ChannelMap) -> None:
    strengths = np.linspace(0, 1, channels.group_count)
    expected, counted = np.zeros(2), np.zeros(2)
    for seed in range(50):
        drawn = draw(channels, strengths, largest=12 * FILTERS // 2, seed=seed)
        probability = np.minimum(1, drawn.environment * np.exp(strengths - 1))[:FILTERS].reshape(2, -1)
        expected += probability.sum(axis=1)
        counted += drawn.alive[:FILTERS].reshape(2, -1).sum(axis=1)
    np.testing.assert_allclose(counted, expected, rtol=0.03)
    assert counted[1] > 1.4 * counted[0]  # e ** 0.5 = 1.65 where none is certain to live


def test_an_offspring_is_as_large_as_may_be_and_a_function_of_the_seed(channels: ChannelMap) -> None:
    strengths = np.full(channels.group_count, 0.5)
    for largest in (24, 1000, 12 * FILTERS - 1):
        drawn, again, other = (draw(channels, strengths, largest=largest, seed=seed) for seed in (3, 3, 4))
        assert drawn.bytes == 4 * channels.parameters(drawn.alive)
        assert largest - 12 < drawn.bytes <= largest
        np.testing.assert_array_equal(drawn.alive, again.alive)
        assert largest == 12 * FILTERS - 1 or not np.array_equal(drawn.alive, other.alive)
        assert drawn.alive[FILTERS:].all()


@pytest.mark.parametrize(
    ("largest", "fault"),
    [
        (12 * FILTERS, "is no smaller than its parent of 4,800; give a smaller size"),
        (11, "cannot be drawn, as the smallest has 12; give a larger size"),
    ],
)
def test_a_size_that_cannot_be_is_refused(channels: ChannelMap, largest: int, fault: str) -> None:
    with pytest.raises(SqnxtError, match=fault):
        draw(channels, np.ones(channels.group_count), largest=largest)


def test_strength_is_what_a_filter_and_its_batch_norm_multiply_by() -> None:
    import tf_keras as keras

    layers = keras.layers
    image = layers.Input((4, 4, 2))
    x = layers.BatchNormalization(epsilon=0, name="norm")(layers.Conv2D(3, 1, use_bias=False, name="first")(image))
    y = layers.DepthwiseConv2D(1, use_bias=False, name="second")(x)
    model = keras.Model(image, layers.Dense(2, name="logits")(layers.GlobalAveragePooling2D()(layers.Add()([x, y]))))
    model.get_layer("first").set_weights([np.array([[[[3, 0, 1], [4, 5, 0]]]], np.float32)])
    model.get_layer("norm").set_weights([np.array(v, np.float32) for v in ([2, -4, 5], [0] * 3, [0] * 3, [4, 4, 1])])
    model.get_layer("second").set_weights([np.array([[[[1], [-2], [0]]]], np.float32)])
    channels = trace_channels(model)
    strengths = filter_strengths(model, channels)
    np.testing.assert_allclose(strengths["first"], [0.5, 1, 0.5])  # 5 * 1, 5 * 2, 1 * 5
    np.testing.assert_allclose(strengths["second"], [0.5, 1, 0])
    group_ids = group_strengths(channels, strengths)
    np.testing.assert_allclose(group_ids[channels.makers["first"]], [0.5, 1, 0.25])
