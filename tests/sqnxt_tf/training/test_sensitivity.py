"""Layers pruned one at a time, without fine-tuning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.training.sensitivity import scan, without_smallest


def two_layers() -> Any:
    """The first layer's small weights decide everything, the second one's nothing."""
    import tf_keras as keras

    image = keras.layers.Input((1, 1, 4))
    x = keras.layers.Conv2D(4, 1, use_bias=False, name="first")(image)
    x = keras.layers.Flatten()(x)
    model = keras.Model(image, keras.layers.Dense(2, use_bias=False, name="second")(x))
    model.set_weights(
        [
            np.array([[[[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 9, 0], [0, 0, 0, 9]]]], np.float32),
            np.array([[5, 0.001], [0.001, 5], [0.01, 0.01], [0.01, 0.01]], np.float32),
        ]
    )
    return model


@pytest.fixture
def data() -> Arrays:
    """The class is told by which of the first two channels is on."""
    labels = np.arange(70) % 2
    images = np.full((70, 1, 1, 4), 0.5, np.float32)
    images[:, 0, 0, :2] = np.eye(2, dtype=np.float32)[labels]
    return Arrays(images, labels)


def test_the_layer_that_decides_comes_first_and_the_model_is_left_as_it_was(data: Arrays) -> None:
    model = two_layers()
    before, told = model.get_weights(), []
    found = scan(
        model, data, sparsities=(0.75, 0.875), names=["second", "first"], progress=lambda *call, **_: told.append(call)
    )
    for ours, theirs in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [layer.name for layer in found.layers] == ["first", "second"]
    assert (found.samples, found.top1) == (70, 1.0)
    assert found.loss == pytest.approx(np.log1p(np.exp(-4.999)), rel=1e-3)
    first, second = found.layers
    assert [point.zeros for point in first.points] == [12, 14]
    assert [point.top1 for point in first.points] == [1.0, 0.5]
    assert first.points[1].loss == pytest.approx(np.log(2), rel=1e-2)
    assert first.sensitivity == pytest.approx((np.log(2) + found.loss) / 2 - found.loss, rel=1e-2)
    assert second.points[0].top1 == 1.0
    assert told[-1] == ("scanning layers", 2, 2)


def test_weights_are_restored_after_an_interruption(data: Arrays) -> None:
    model = two_layers()
    before = model.get_weights()

    def interrupt(task: str, done: int, total: int, **figures: float) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(model, data, sparsities=(0.9,), names=["first", "second"], progress=interrupt)
    for ours, theirs in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("sparsity", "zeros"), [(0.01, 0), (0.3, 3), (0.5, 5), (0.95, 10)])
def test_the_smallest_go(sparsity: float, zeros: int) -> None:
    values = np.array([[5, -1, 3, -9, 2], [8, -4, 7, -6, 10]], np.float32)
    pruned = without_smallest(values, round(sparsity * values.size))
    assert (pruned == 0).sum() == zeros
    np.testing.assert_array_equal(pruned[np.abs(values) > zeros], values[np.abs(values) > zeros])
