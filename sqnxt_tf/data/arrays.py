"""Preprocess image sets into arrays in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.augmentation import InputFormat
from sqnxt_tf.data.images import ImageSet
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.data.unreadable import UnreadableImages
from sqnxt_tf.errors import SqnxtError

_LARGEST_ARRAY = 4_000_000_000  # bytes
_DECODED_AT_ONCE = 64  # images, at whatever size they have on disk


def to_arrays(data: ImageSet, preprocessing: InputFormat) -> Arrays:
    """Preprocess a whole image set into memory; images that cannot be read are left out and logged.

    Raises:
        SqnxtError: The arrays would take more than 4 GB, no image can be read, or more images than allowed cannot.
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
    kept: list[int] = []
    faults = UnreadableImages()
    for start in range(0, len(data), _DECODED_AT_ONCE):
        indices, decoded = data.readable(range(start, min(start + _DECODED_AT_ONCE, len(data))), faults.add)
        faults.check()
        if indices:
            images[len(kept) : len(kept) + len(indices)] = preprocessing.apply(decoded)
            kept += indices
    check_any_readable(data, kept)
    return Arrays(images[: len(kept)], data.labels[kept], tuple(sorted(faults.found)))


def spread_arrays(
    data: ImageSet, preprocessing: InputFormat, count: int, *, among: NDArray[np.int64] | None = None
) -> Arrays:
    """Preprocess `count` images at even distances, so that every class of a sorted set is represented.

    Images that cannot be read are left out and logged, and others take their places while there are any.

    Args:
        data: The images.
        preprocessing: The format of the network's input.
        count: Number of images; all if there are fewer.
        among: Indices that may be chosen; by default all.

    Raises:
        SqnxtError: None of the images can be read, or more images than allowed cannot.
    """
    return take_spread(data, preprocessing, count, np.arange(len(data)) if among is None else among)[0]


def take_spread(
    data: ImageSet, preprocessing: InputFormat, count: int, among: NDArray[np.int64]
) -> tuple[Arrays, NDArray[np.int64]]:
    """Return the images of `spread_arrays`, and the indices that were not tried.

    Raises:
        SqnxtError: See `spread_arrays`.
    """
    left, faults = among, UnreadableImages()
    kept: list[int] = []
    decoded: list[NDArray[np.uint8]] = []
    while len(kept) < count and len(left):
        missing = min(count - len(kept), len(left))
        chosen = left[np.unique(np.linspace(0, len(left) - 1, missing).astype(np.int64))]
        indices, images = data.readable(chosen.tolist(), faults.add)
        faults.check()
        kept, decoded = kept + indices, decoded + images
        left = np.setdiff1d(left, chosen)
    check_any_readable(data, kept)
    return Arrays(preprocessing.apply(decoded), data.labels[kept], tuple(sorted(faults.found))), left


def check_any_readable(data: ImageSet, indices: Sequence[int]) -> None:
    """Refuse data none of whose images could be read.

    Raises:
        SqnxtError: There is no index.
    """
    if not indices:
        raise SqnxtError(data.name, "has no image that can be read", "run `check_data`, which names the fault of each")
