"""RandAugment: a few random operations on each image, all of one strength, on tensors.

Source: Cubuk et al., RandAugment: Practical automated data augmentation with a reduced search space (arXiv 1909.13719).
The largest change of each operation is that of torchvision's `RandAugment`. Where an operation moves the image, its
edge is mirrored into the gap.

Example: at a strength of 0.3 an image is rotated by 9 degrees, sheared by 0.09, shifted by a seventh of its side, or
its brightness is multiplied by 0.73 or by 1.27.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DEGREES, _SHEAR, _SHIFT, _BLEND, _BITS = 30.0, 0.3, 150 / 331, 0.9, 4.0  # the largest changes, at a strength of 1
_LEVELS = 256  # values of a pixel

Operation = Callable[[Any, Any], Any]
"""Returns an image, float32 [height, width, c] from 0 to 255, changed by a strength from -1 to 1."""


def draw_changes(count: int, operations: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Draw the changes of `count` images: the number of each operation, and a direction of -1 or 1.

    Returns:
        Changes, float32 [count, operations, 2]; nothing is drawn for no operations.
    """
    if not operations:
        return np.zeros((count, 0, 2), np.float32)
    chosen = random.integers(0, len(OPERATIONS), (count, operations))
    directions = 1 - 2 * random.integers(0, 2, (count, operations))
    return np.stack([chosen, directions], -1).astype(np.float32)


def changed(images: Any, changes: Any, strength: float) -> Any:
    """Return a batch with the changes of each image, float32 [n, height, width, c] from 0 to 255.

    Args:
        images: The batch, of any type, [n, height, width, c] from 0 to 255.
        changes: As `draw_changes` returns them, [n, operations, 2]; the number of operations is static.
        strength: Size of all changes, as a fraction of the largest.
    """
    import tensorflow as tf

    images = tf.cast(images, tf.float32)

    def of_one(values: tuple[Any, Any]) -> Any:
        image, own = values
        for place in range(own.shape[0]):
            image = _operated(image, tf.cast(own[place, 0], tf.int32), strength * own[place, 1])
        return image

    return tf.map_fn(of_one, (images, changes), fn_output_signature=tf.TensorSpec(images.shape[1:], tf.float32))


def _operated(image: Any, number: Any, strength: Any) -> Any:
    import tensorflow as tf

    branches = [lambda operation=operation: operation(image, strength) for operation in OPERATIONS.values()]
    return tf.clip_by_value(tf.ensure_shape(tf.switch_case(number, branches), image.shape), 0, 255)


def _identity(image: Any, strength: Any) -> Any:
    return image


def _autocontrast(image: Any, strength: Any) -> Any:
    """Stretch each channel to 0 to 255."""
    import tensorflow as tf

    low, high = (reduce(image, [0, 1], keepdims=True) for reduce in (tf.reduce_min, tf.reduce_max))
    return tf.where(high > low, (image - low) * 255 / tf.maximum(high - low, 1e-3), image)


def _equalise(image: Any, strength: Any) -> Any:
    """Spread the values of each channel evenly, as pillow's `ImageOps.equalize` does.

    Example: of 1,020 pixels, 255 of which have the largest value, each three more pixels below a value raise it by 1.
    """
    import tensorflow as tf

    height, width, channels = image.shape
    values = tf.cast(tf.round(image), tf.int32) + _LEVELS * tf.range(channels)  # a range of numbers for each channel
    counts = tf.math.bincount(values, minlength=_LEVELS * channels, maxlength=_LEVELS * channels)
    counts = tf.reshape(counts, (channels, _LEVELS))
    below = tf.cumsum(counts, axis=1, exclusive=True)
    largest = tf.reduce_max(tf.where(counts > 0, tf.range(_LEVELS), 0), 1, keepdims=True)
    step = (height * width - tf.gather(counts, largest, axis=1, batch_dims=1)) // (_LEVELS - 1)
    even = tf.minimum((below + step // 2) // tf.maximum(step, 1), _LEVELS - 1)
    table = tf.where(step > 0, even, tf.range(_LEVELS))
    return tf.cast(tf.gather(tf.reshape(table, [-1]), values), tf.float32)


def _solarise(image: Any, strength: Any) -> Any:
    """Invert the brightest values."""
    import tensorflow as tf

    return tf.where(image >= 255 * (1 - tf.abs(strength)), 255 - image, image)


def _posterise(image: Any, strength: Any) -> Any:
    """Leave out the lowest bits of each value."""
    import tensorflow as tf

    step = 2.0 ** tf.round(_BITS * tf.abs(strength))
    return tf.floor(tf.round(image) / step) * step


def _saturated(image: Any, strength: Any) -> Any:
    import tensorflow as tf

    return _blended(tf.reduce_mean(image, -1, keepdims=True), image, strength)


def _contrasted(image: Any, strength: Any) -> Any:
    import tensorflow as tf

    return _blended(tf.reduce_mean(image), image, strength)


def _brightened(image: Any, strength: Any) -> Any:
    return _blended(0.0, image, strength)


def _sharpened(image: Any, strength: Any) -> Any:
    import tensorflow as tf

    channels = image.shape[-1]
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13  # pillow's SMOOTH
    kernel = np.repeat(kernel[..., None, None], channels, 2)
    padded = tf.pad(image, [[1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    return _blended(tf.nn.depthwise_conv2d(padded[None], kernel, [1, 1, 1, 1], "VALID")[0], image, strength)


def _blended(plain: Any, image: Any, strength: Any) -> Any:
    """Move an image away from a plainer one, or towards it."""
    return plain + (1 + _BLEND * strength) * (image - plain)


def _rotated(image: Any, strength: Any) -> Any:
    import tensorflow as tf

    angle = math.radians(_DEGREES) * strength
    return _moved(image, (tf.cos(angle), -tf.sin(angle), tf.sin(angle), tf.cos(angle)))


def _sheared_x(image: Any, strength: Any) -> Any:
    return _moved(image, (1.0, _SHEAR * strength, 0.0, 1.0))


def _sheared_y(image: Any, strength: Any) -> Any:
    return _moved(image, (1.0, 0.0, _SHEAR * strength, 1.0))


def _shifted_x(image: Any, strength: Any) -> Any:
    return _moved(image, (1.0, 0.0, 0.0, 1.0), right=_SHIFT * image.shape[1] * strength)


def _shifted_y(image: Any, strength: Any) -> Any:
    return _moved(image, (1.0, 0.0, 0.0, 1.0), down=_SHIFT * image.shape[0] * strength)


def _moved(image: Any, matrix: tuple[Any, Any, Any, Any], *, right: Any = 0.0, down: Any = 0.0) -> Any:
    """Return the image whose pixel (x, y) is the one at `matrix` times (x, y), about the centre, and a shift."""
    import tensorflow as tf

    x, y = (image.shape[1] - 1) / 2, (image.shape[0] - 1) / 2
    a, b, c, d = matrix
    rows = [a, b, x - a * x - b * y + right, c, d, y - c * x - d * y + down, 0.0, 0.0]
    transform = tf.stack([tf.cast(value, tf.float32) for value in rows])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None], transforms=transform[None], output_shape=image.shape[:2], fill_value=0.0,
        interpolation="BILINEAR", fill_mode="REFLECT",
    )[0]  # fmt: skip


OPERATIONS: Mapping[str, Operation] = {
    "identity": _identity, "autocontrast": _autocontrast, "equalise": _equalise, "rotate": _rotated,
    "solarise": _solarise, "saturation": _saturated, "posterise": _posterise, "contrast": _contrasted,
    "brightness": _brightened, "sharpness": _sharpened, "shear x": _sheared_x, "shear y": _sheared_y,
    "shift x": _shifted_x, "shift y": _shifted_y,
}  # fmt: skip
"""The operations by name, in the order of their numbers."""
