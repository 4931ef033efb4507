"""The bundled data set: 1,797 real handwritten digits in a fixed split.

Source: UCI "Optical Recognition of Handwritten Digits", the part that scikit-learn bundles; licence in
`digits.LICENSE.txt`. There are 1,259 images for training, 179 for validation and 359 for test, with equal fractions of
each digit. The data set does not name the writers, so the same writer may be in several parts.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.images import ImageSet

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
_BRIGHTEST = 16  # pixels are stored as 0 to 16


def digits(split: Split) -> ImageSet:
    """Return one part of the digits: 8x8 grey images, ten classes."""
    images, labels, parts = _stored()
    chosen = np.flatnonzero(parts == SPLITS.index(split))
    scaled = np.rint(images[chosen] * (255 / _BRIGHTEST)).astype(np.uint8)
    return ImageSet(
        name=f"digits/{split}",
        labels=labels[chosen].astype(np.int64),
        class_names=tuple("0123456789"),
        sources=tuple(f"digits[{index}]" for index in chosen),
        image=lambda index: scaled[index],
    )


@cache
def _stored() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    with (files(__package__) / "digits.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return arrays["images"], arrays["labels"], arrays["split"]
