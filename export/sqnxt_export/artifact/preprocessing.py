"""Preprocessing of images to the network's input, identical in training, in evaluation and on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export._libraries import require
from sqnxt_export.errors import ExportError

_RESIZE_RULES = ("short_side_crop", "stretch")
_LARGEST_SIDE = 16384


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """The steps from an image to the network's input: resizing, then `(value - mean) / scale` per channel.

    Values are 0 to 255, and channels are in RGB order.

    Attributes:
        height: Height of the input in pixels.
        width: Width of the input in pixels.
        channels: 1 (grey) or 3 (RGB).
        resize: "short_side_crop" resizes the short side to the input's, keeps the aspect ratio and crops the centre,
            which is the paper's rule. "stretch" resizes straight to the input's size, for digits. Both are bilinear.
        mean: Value to subtract, per channel.
        scale: Value to divide by, per channel.

    Raises:
        ExportError: A value is out of range.
    """

    height: int
    width: int
    channels: int
    resize: str
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            side = getattr(self, name)
            if type(side) is not int or not 1 <= side <= _LARGEST_SIDE:
                raise ExportError(
                    "preprocessing", f"{name} is {side!r}", f"it must be an integer of 1 to {_LARGEST_SIDE}"
                )
        if type(self.channels) is not int or self.channels not in (1, 3):
            raise ExportError("preprocessing", f"channels is {self.channels!r}", "it must be 1 (grey) or 3 (RGB)")
        if self.resize not in _RESIZE_RULES:
            raise ExportError("preprocessing", f"resize is {self.resize!r}", f"use one of {', '.join(_RESIZE_RULES)}")
        for name in ("mean", "scale"):
            values = getattr(self, name)
            if len(values) != self.channels or not np.isfinite(values).all():
                raise ExportError(
                    "preprocessing", f"{name} is {values!r}", f"it must hold {self.channels} finite numbers"
                )
        if 0 in self.scale:
            raise ExportError("preprocessing", f"scale is {self.scale!r}", "it divides, so no value may be 0")

    @classmethod
    def imagenet(cls, height: int = 227, width: int | None = None) -> Preprocessing:
        """Return the paper's preprocessing: centre crop, and ImageNet's mean subtracted per channel.

        Source: the authors' network definitions (B 104, G 117, R 123).
        """
        mean, scale = (123.0, 117.0, 104.0), (1.0, 1.0, 1.0)
        return cls(height=height, width=width or height, channels=3, resize="short_side_crop", mean=mean, scale=scale)

    @classmethod
    def plain(cls, height: int, width: int | None = None, channels: int = 3) -> Preprocessing:
        """Return preprocessing for digits and other small pictures: stretched to size, 0 to 255 mapped to -1 to 1."""
        centre = (127.5,) * channels
        return cls(height=height, width=width or height, channels=channels, resize="stretch", mean=centre, scale=centre)

    def apply(self, images: Any) -> NDArray[np.float32]:
        """Return the network's input for a batch of images, float32 [n, height, width, channels].

        Args:
            images: A uint8 array [n, h, w, c] or [n, h, w] of any size, or a sequence whose items are pillow images
                or uint8 arrays [h, w, c] or [h, w], each of its own size; c is 1 (grey) or 3 (RGB).

        Raises:
            ExportError: An array is not an image, or pillow is missing and an image must be resized or converted.
        """
        if isinstance(images, np.ndarray) and images.shape[1:] == (self.height, self.width, self.channels):
            batch = _checked_uint8(images)
        else:
            batch = self._resized(images)
        return self.normalise(batch)

    def normalise(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Return `(value - mean) / scale` of images [n, height, width, channels] that have the input's size."""
        mean, scale = np.asarray(self.mean, np.float32), np.asarray(self.scale, np.float32)
        return ((pixels.astype(np.float32) - mean) / scale).astype(np.float32, copy=False)

    def raw(self) -> Preprocessing:
        """Return the same sizes without arithmetic, for an artifact that subtracts and divides inside its graph."""
        return replace(self, mean=(0.0,) * self.channels, scale=(1.0,) * self.channels)

    def _resized(self, images: Sequence[Any] | NDArray[Any]) -> NDArray[np.uint8]:
        if not isinstance(images, np.ndarray | list | tuple):
            raise ExportError("images", f"got one {type(images).__name__}", "give a list of images or a 4-D array")
        if isinstance(images, np.ndarray) and images.ndim not in (3, 4):
            raise ExportError("images", f"got an array of shape {images.shape}", "give [n, h, w, c] or [n, h, w]")
        shape = (self.height, self.width, self.channels)
        return np.array([self._one(image) for image in images], np.uint8).reshape(-1, *shape)

    def _one(self, image: Any) -> NDArray[np.uint8]:
        """Return one image as uint8 [height, width, channels]."""
        if isinstance(image, np.ndarray):
            pixels = _checked_uint8(image)
            if pixels.shape == (self.height, self.width, self.channels):
                return pixels
            image = _to_pillow(pixels)
        return self.pixels(_to_mode(image, "L" if self.channels == 1 else "RGB"))

    def pixels(self, image: Any) -> NDArray[np.uint8]:
        """Resize an upright pillow image to the input's size, uint8 [h, w, channels].

        Its mode must be "L" for one channel and "RGB" for three.
        """
        return np.asarray(self._fit(image), np.uint8).reshape(self.height, self.width, self.channels)

    def _fit(self, image: Any) -> Any:
        bilinear = require("PIL.Image", "to resize images").Resampling.BILINEAR
        width, height = image.size
        if (height, width) == (self.height, self.width):
            return image
        if self.resize == "stretch":
            return image.resize((self.width, self.height), bilinear)
        # The largest centred box with the input's aspect is resized at once: same pixels as resizing, then cropping.
        ratio = min(width / self.width, height / self.height)
        box_width, box_height = ratio * self.width, ratio * self.height
        left, top = max((width - box_width) / 2, 0.0), max((height - box_height) / 2, 0.0)  # rounding may cross 0
        box = (left, top, min(left + box_width, width), min(top + box_height, height))
        return image.resize((self.width, self.height), bilinear, box=box)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return {**asdict(self), "mean": list(self.mean), "scale": list(self.scale)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Preprocessing:
        """Read and check the fields that `to_dict` returns.

        Raises:
            ExportError: A field is missing, unknown, of another type or out of range.
        """
        expected = set(cls.__dataclass_fields__)
        if set(values) != expected:
            odd = ", ".join(sorted(set(values) ^ expected))
            raise ExportError("preprocessing", f"missing or unknown fields: {odd}", "write the metadata again")
        numbers = {}
        for name in ("mean", "scale"):
            given = values[name]
            if not isinstance(given, list) or not all(
                type(value) in (int, float) and abs(value) < 1e30 for value in given
            ):
                raise ExportError(
                    "preprocessing", f"{name} is not a list of numbers below 1e30", "write the metadata again"
                )
            numbers[name] = tuple(float(value) for value in given)
        return cls(**{**values, **numbers})


def _checked_uint8(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.dtype != np.uint8:
        raise ExportError("images", f"got an array of {image.dtype}", "give uint8 values on 0-255")
    return image


def _to_pillow(image: NDArray[np.uint8]) -> Any:
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    if image.size == 0 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))):
        raise ExportError("images", f"got an array of shape {image.shape}", "give [h, w] or [h, w, 1, 3 or 4]")
    return require("PIL.Image", "to resize images").fromarray(np.ascontiguousarray(image))


def _to_mode(image: Any, mode: str) -> Any:
    """Convert an image to grey ("L") or "RGB", upright, with transparent parts on white."""
    image_module = require("PIL.Image", "to read images")
    if not isinstance(image, image_module.Image):
        raise ExportError("images", f"got a {type(image).__name__}", "give pillow images or uint8 arrays")
    image = require("PIL.ImageOps", "to read images").exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        background = image_module.new("RGBA", image.size, "white")
        image = image_module.alpha_composite(background, image)
    return image if image.mode == mode else image.convert(mode)
