"""Data to train on in seconds, runs that are cut, and what they leave."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sqnxt_tf.data.pipeline import Arrays


class Killed(Exception):  # noqa: N818 - it is no error
    """The end of a run that is cut by a test."""


def kill_at(step: int) -> Callable[..., None]:
    """Return a progress function that ends the run after a step."""

    def progress(task: str, done: int, total: int, **figures: float) -> None:
        if done == step:
            raise Killed

    return progress


def stripes(count: int, seed: int) -> Arrays:
    """Return noisy images of two classes: upright and lying stripes."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = random.normal(0, 0.3, (count, 8, 8, 3)).astype(np.float32)
    images[labels == 0, ::2] += 1
    images[labels == 1, :, ::2] += 1
    return Arrays(images, labels)


def load_weights(path: Path) -> list[Any]:
    """Return the weights of a saved model."""
    import tf_keras as keras

    weights: list[Any] = keras.models.load_model(path, compile=False).get_weights()
    return weights
