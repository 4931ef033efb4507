"""What training does to an image before it sees it, as a function of seed, epoch and the image's index alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.errors import SqnxtError

_TRIES = 10  # at a crop that fits into the image


class Input(Protocol):
    """How images become a network's input; `sqnxt_export.Preprocessing` is one."""

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
        """An upright pillow image at the input's size, [height, width, channels]."""
        ...

    def apply(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Images of any size as one batch of the network's input, [n, height, width, channels]."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Random crop, flip, colours and shift; by default nothing, as in the paper: the centre, as on the device.

    `smallest_crop` is the smallest fraction of the image's area that a crop shows (1: the centre crop), its sides at a
    ratio of 3:4 to 4:3. `flip` mirrors one image in two. `colour` is how far brightness, contrast and saturation go up
    or down, as a fraction. `max_shift` shifts by up to so many pixels, the edge mirrored into what comes free.

    Source of crop and flip: Szegedy et al., "Going deeper with convolutions" (arXiv 1409.4842), section 6; of the
    colours: A. G. Howard, "Some improvements on deep convolutional neural network based image classification"
    (arXiv 1312.5402).
    """

    smallest_crop: float = 1.0
    flip: bool = False
    colour: float = 0.0
    max_shift: int = 0

    def __post_init__(self) -> None:
        limits = (("smallest_crop", 0.01, 1), ("colour", 0, 1), ("max_shift", 0, 1024))
        for name, low, high in limits:
            if not low <= (value := getattr(self, name)) <= high:
                raise SqnxtError(
                    "augmentation", f"{name} = {value} is out of range", f"give a number from {low} to {high}"
                )

    def apply(self, image: Any, target: Input, random: np.random.Generator) -> NDArray[np.uint8]:
        """An upright pillow image in RGB as `target` wants it, uint8 [height, width, channels]."""
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


AUGMENTATIONS = {"none": Augmentation(), "standard": Augmentation(smallest_crop=0.08, flip=True, colour=0.4)}


def random_box(
    width: int, height: int, smallest: float, aspect: float, random: np.random.Generator
) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a random crop; the largest centred one of that aspect where none fits.

    `aspect` is width over height of what the crop becomes; the crop's own is within 3:4 to 4:3 of it.
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
    """The image moved by up to `most` pixels each way, within its mirrored surroundings."""
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((most, most), (most, most), (0, 0)), "symmetric")
    top, left = random.integers(0, 2 * most + 1, 2)
    return padded[top : top + height, left : left + width]


def generator(seed: int, epoch: int, index: int, purpose: int = 0) -> np.random.Generator:
    """Random numbers for one image, or worker, of one epoch: the same ones whenever they are asked for."""
    return np.random.Generator(np.random.Philox(key=[seed, epoch], counter=[0, 0, purpose, index]))
