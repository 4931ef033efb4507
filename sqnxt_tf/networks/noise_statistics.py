"""Batch-norm statistics for random weights, from seeded noise, so that signals neither vanish nor explode.

Batch norm that saw no data passes its input on as it is, and the signals of deep random networks die out: MobileNet's
logits are 1e-17, integers have no scale for them, and parity proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

_IMAGES = 8
_COARSEST = 4
"""Patches along a side of the coarsest noise; photographs have most of their energy in low frequencies."""


def set_noise_statistics(model: Any, *, mean: Sequence[float], scale: Sequence[float], seed: int) -> None:
    """Give each batch norm the mean square of what seeded noise puts into it as its variance; all else stays.

    The variance is one number a layer, and the mean stays zero. Statistics per channel would take away what the answers
    to all images have in common, and leave differences that double with every few layers: the rounding to float16 alone
    then moves the logits of a random SqueezeNext by 1 to 5 %, as in no trained network.

    Args:
        model: A tf_keras model of one image.
        mean: What is subtracted from pixels of 0 to 255, one number a channel.
        scale: What the difference is divided by.
        seed: Seed of the noise.
    """
    layers = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
    if not layers:
        return
    for layer in layers:
        layer.call = partial(_observe, layer)
    pixels = noise_pixels(*model.input_shape[1:], seed=seed)
    try:
        model((pixels - np.asarray(mean, np.float32)) / np.asarray(scale, np.float32))
    finally:
        for layer in layers:
            del layer.call


def _observe(layer: Any, inputs: Any, training: bool | None = None) -> Any:
    """Set a layer's variance to the mean square of its inputs, and return what it makes of them."""
    square = float(np.mean(np.square(inputs.numpy(), dtype=np.float64)))
    layer.moving_variance.assign(np.full(layer.moving_variance.shape, square, np.float32))
    return type(layer).call(layer, inputs, training=False)


def noise_pixels(height: int, width: int, channels: int, *, seed: int) -> NDArray[np.float32]:
    """Return seeded noise of all scales, float32 [n, height, width, channels] in 0 to 255: squares of halving size."""
    rng = np.random.default_rng(seed)
    total = np.zeros((_IMAGES, height, width, channels), np.float32)
    patches, weight = _COARSEST, 0.0
    while not weight or patches < 2 * max(height, width):
        squares = rng.uniform(0, 255, (_IMAGES, patches, patches, channels)).astype(np.float32)
        rows, columns = (np.arange(side) * patches // side for side in (height, width))
        total += squares[:, rows][:, :, columns] * (_COARSEST / patches)
        weight += _COARSEST / patches
        patches *= 2
    return total / np.float32(weight)
