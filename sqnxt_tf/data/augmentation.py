"""Augmentation of training images, a function of seed, epoch and the image's index alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.errors import SqnxtError

_TRIES = 10  # to draw a crop that fits into the image


class InputFormat(Protocol):
    """The format of a network's input, and how images are brought to it; `sqnxt_export.Preprocessing` is one."""

    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def channels(self) -> int: ...  # noqa: D102
    @property
    def mean(self) -> tuple[float, ...]: ...  # noqa: D102
    @property
    def scale(self) -> tuple[float, ...]: ...  # noqa: D102

    def pixels(self, image: Any) -> NDArray[np.uint8]:
        """Return an upright pillow image at the input's size, uint8 [height, width, channels]."""
        ...

    def apply(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return images of any size as one batch of the network's input, float32 [n, height, width, channels]."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Random crop, flip, colours, shift and operations. By default there is only the centre, as on the device.

    Source of crop and flip: Szegedy et al., "Going deeper with convolutions" (arXiv 1409.4842), section 6. Source of
    the colours: A. G. Howard, "Some improvements on deep convolutional neural network based image classification"
    (arXiv 1312.5402).

    Attributes:
        smallest_crop: Smallest fraction of the image's area that a random crop shows, 0.01 to 1, with sides at a ratio
            of 3:4 to 4:3; 1 is the centre crop.
        flip: Whether one image in two is mirrored.
        colour: Largest change of brightness, contrast and saturation, as a fraction, 0 to 1.
        max_shift: Largest shift in each direction, in pixels, 0 to 1024; the edge is mirrored into the gap.
        operations: Operations of RandAugment on each image, 0 to 10. They are done on a whole batch, at last, and not
            by `apply`; see `randaugment`.
        strength: Size of their changes, as a fraction of the largest, 0 to 1.
    """

    smallest_crop: float = 1.0
    flip: bool = False
    colour: float = 0.0
    max_shift: int = 0
    operations: int = 0
    strength: float = 0.3

    def __post_init__(self) -> None:
        limits = (
            ("smallest_crop", 0.01, 1), ("colour", 0, 1), ("max_shift", 0, 1024), ("operations", 0, 10),
            ("strength", 0, 1),
        )  # fmt: skip
        for name, low, high in limits:
            if not low <= (value := getattr(self, name)) <= high:
                raise SqnxtError(
                    "augmentation", f"{name} = {value} is out of range", f"give a number from {low} to {high}"
                )

    def apply(self, image: Any, target: InputFormat, random: np.random.Generator) -> NDArray[np.uint8]:
        """Augment an upright RGB pillow image, and fit it to `target`, uint8 [height, width, channels]."""
        from PIL import Image, ImageEnhance

        if target.channels == 1:
            image = image.convert("L")
        if self.smallest_crop < 1:
            box = random_box(image.width, image.height, self.smallest_crop, target.width / target.height, random)
            image = image.resize((target.width, target.height), Image.Resampling.BILINEAR, box=box)
        if self.colour:
            if (image.width, image.height) != (target.width, target.height):
                image = Image.fromarray(target.pixels(image).squeeze())
            for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
                image = enhance(image).enhance(random.uniform(1 - self.colour, 1 + self.colour))
        pixels = target.pixels(image)
        if self.flip and random.random() < 0.5:
            pixels = pixels[:, ::-1]
        return shifted(pixels, self.max_shift, random) if self.max_shift else pixels


AUGMENTATIONS = {
    "none": Augmentation(),
    "standard": Augmentation(smallest_crop=0.08, flip=True, colour=0.4),
    "photos": Augmentation(smallest_crop=0.35, flip=True, colour=0.2),
    "randaugment": Augmentation(smallest_crop=0.35, flip=True, operations=2),
}
"""Augmentations by the name that a recipe gives."""


def random_box(
    width: int, height: int, smallest: float, aspect: float, random: np.random.Generator
) -> tuple[float, float, float, float]:
    """Draw left, top, right and bottom of a crop; if none fits, return the largest centred one of the aspect.

    `smallest` is the smallest fraction of the image's area. `aspect` is width over height of the resized crop; the
    ratio of the crop itself is 3:4 to 4:3 times as large.
    """
    for _ in range(_TRIES):
        area = width * height * random.uniform(smallest, 1)
        ratio = aspect * math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        crop_width, crop_height = math.sqrt(area * ratio), math.sqrt(area / ratio)
        if 1 <= crop_width <= width and 1 <= crop_height <= height:
            left, top = random.uniform(0, width - crop_width), random.uniform(0, height - crop_height)
            return left, top, left + crop_width, top + crop_height
    crop_width, crop_height = min(width, height * aspect), min(height, width / aspect)
    left, top = (width - crop_width) / 2, (height - crop_height) / 2
    return left, top, min(left + crop_width, width), min(top + crop_height, height)


def shifted(pixels: NDArray[np.uint8], most: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Move an image at random by up to `most` pixels in each direction, and mirror its edge into the gap."""
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((most, most), (most, most), (0, 0)), "symmetric")
    top, left = random.integers(0, 2 * most + 1, 2)
    return padded[top : top + height, left : left + width]


def generator(seed: int, epoch: int, index: int, purpose: int = 0) -> np.random.Generator:
    """Return the random generator of one image or worker in one epoch; equal arguments give equal numbers."""
    return np.random.Generator(np.random.Philox(key=[seed, epoch], counter=[0, 0, purpose, index]))
