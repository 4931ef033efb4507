"""Random views of a whole batch at once: crop, flip and colours, on tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.augmentation import Augmentation

_RATIO = 4 / 3  # largest ratio of a crop's sides to those of the input, as in `augmentation.random_box`


def draw_views(
    augmentation: Augmentation, aspects: NDArray[np.float32], target_aspect: float, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Draw the views of a batch.

    Args:
        augmentation: Limits of crop, flip, colours and shift.
        aspects: Width over height of each whole image, float32 [n].
        target_aspect: Width over height of the network's input.
        random: The generator of the batch.

    Returns:
        Boxes, float32 [n, 4]: top, left, bottom and right as fractions of the image. Directions, float32 [n]: -1 for a
        mirrored image, else 1. Colours, float32 [n, 3]: factors of brightness, contrast and saturation.
    """
    count = len(aspects)
    area = random.uniform(augmentation.smallest_crop, 1, count)
    ratio = target_aspect * np.exp(random.uniform(-math.log(_RATIO), math.log(_RATIO), count))
    width, height = np.sqrt(area * ratio / aspects), np.sqrt(area * aspects / ratio)
    too_large = np.maximum(np.maximum(width, height), 1)  # of a long image, only a smaller crop has the ratio
    width, height = width / too_large, height / too_large
    left, top = random.uniform(0, 1, count) * (1 - width), random.uniform(0, 1, count) * (1 - height)
    mirrored = random.uniform(0, 1, count) < 0.5
    colours = random.uniform(1 - augmentation.colour, 1 + augmentation.colour, (count, 3))
    return (
        np.stack([top, left, top + height, left + width], 1).astype(np.float32),
        np.where(mirrored & augmentation.flip, -1, 1).astype(np.float32),
        colours.astype(np.float32),
    )


def shown(pixels: Any, boxes: Any, directions: Any, colours: Any, *, size: tuple[int, int]) -> Any:
    """Return the views of a batch, float32 [n, height, width, c] from 0 to 255.

    Args:
        pixels: Whole images, uint8 [n, h, w, c].
        boxes: The crops, float32 [n, 4], as `draw_views` returns them.
        directions: -1 for images to mirror, float32 [n].
        colours: Factors of brightness, contrast and saturation, float32 [n, 3].
        size: Height and width of a view.
    """
    import tensorflow as tf

    boxes = tf.where(directions[:, None] < 0, tf.gather(boxes, [0, 3, 2, 1], axis=1), boxes)  # right before left
    images = tf.image.crop_and_resize(pixels, boxes, tf.range(tf.shape(pixels)[0]), size)
    brightness, contrast, saturation = (colours[:, place, None, None, None] for place in range(3))
    images *= brightness
    mean = tf.reduce_mean(images, [1, 2, 3], keepdims=True)
    images = mean + contrast * (images - mean)
    grey = tf.reduce_mean(images, -1, keepdims=True)
    return tf.clip_by_value(grey + saturation * (images - grey), 0, 255)
