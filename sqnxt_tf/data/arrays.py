"""Preprocess image sets into arrays in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.augmentation import InputFormat
from sqnxt_tf.data.images import ImageSet
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.errors import SqnxtError

_LARGEST_ARRAY = 4_000_000_000  # bytes
_DECODED_AT_ONCE = 64  # images, at whatever size they have on disk


def to_arrays(data: ImageSet, preprocessing: InputFormat) -> Arrays:
    """Preprocess a whole image set into memory.

    Raises:
        SqnxtError: The arrays would take more than 4 GB, or an image cannot be read.
    """
    size = 4 * len(data) * preprocessing.height * preprocessing.width * preprocessing.channels
    if size > _LARGEST_ARRAY:
        limit = _LARGEST_ARRAY / 1e9
        raise SqnxtError(
            data.name,
            f"{len(data)} images take {size / 1e9:.1f} GB at this input size, and the limit is {limit:.0f} GB",
            "use fewer images or a smaller `input_size`",
        )
    shape = (preprocessing.height, preprocessing.width, preprocessing.channels)
    images = np.empty((len(data), *shape), np.float32)
    for start in range(0, len(data), _DECODED_AT_ONCE):
        images[start : start + _DECODED_AT_ONCE] = preprocessing.apply(data.batch(start, start + _DECODED_AT_ONCE))
    return Arrays(images, data.labels)


def spread_arrays(
    data: ImageSet, preprocessing: InputFormat, count: int, *, among: NDArray[np.int64] | None = None
) -> Arrays:
    """Preprocess `count` images at even distances, so that every class of a sorted set is represented.

    Args:
        data: The images.
        preprocessing: The format of the network's input.
        count: Number of images; all if there are fewer.
        among: Indices that may be chosen; by default all.
    """
    return arrays_at(data, preprocessing, spread_indices(np.arange(len(data)) if among is None else among, count))


def spread_indices(among: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return `count` of the indices at even distances, or all if there are fewer."""
    return among[np.unique(np.linspace(0, len(among) - 1, min(count, len(among))).astype(np.int64))]


def arrays_at(data: ImageSet, preprocessing: InputFormat, indices: NDArray[np.int64]) -> Arrays:
    """Preprocess the images of these indices."""
    return Arrays(preprocessing.apply([data.image(int(index)) for index in indices]), data.labels[indices])
