"""Encoded images become pixels, by pillow and nothing else: what training sees is what the device will see."""

from __future__ import annotations

import os
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.errors import SqnxtError

_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What is read of data sets, by pillow's names."""

_START_PROGRAMS = frozenset({"EPS", "WMF"})
"""What is never read: pillow hands these to an interpreter of what the file says."""

_LARGEST_IMAGE = 100_000_000  # pixels; a few bytes can claim any number of them
_LARGEST_FILE = 2**29  # bytes: so many pixels without compression, and more


class UnreadableImageError(SqnxtError):
    """An image that cannot be had: damaged, of an unknown format, or not what its record says."""


def read_image(path: Path) -> NDArray[np.uint8]:
    """One image file, of any format that pillow knows, as uint8 [height, width, 3] in RGB, turned as its EXIF data say.

    Raises:
        SqnxtError: Pillow is not installed, or cannot read the file.
    """
    return np.asarray(decode(read_file(path), str(path), formats=known_formats()), np.uint8)


@cache
def known_formats() -> tuple[str, ...]:
    """All that this pillow reads, by its names, but for what starts other programs; the usual ones first."""
    try:
        from PIL import Image
    except ImportError:  # whoever opens an image says so
        return _FORMATS
    Image.init()
    return (*_FORMATS, *sorted(set(Image.OPEN) - {*_FORMATS, *_START_PROGRAMS}))


def read_file(path: Path) -> bytes:
    """The bytes of an image file.

    Raises:
        UnreadableImageError: No permission, a disk that fails, or a file that is too large for an image.
    """
    try:
        with path.open("rb") as file:
            if (size := os.fstat(file.fileno()).st_size) > _LARGEST_FILE:
                raise UnreadableImageError(
                    path, f"has {size:,} bytes, and {_LARGEST_FILE:,} are the most that are read", "remove it"
                )
            return file.read(_LARGEST_FILE)
    except OSError as error:
        raise UnreadableImageError(path, f"cannot be read ({error.strerror or error})", "repair or remove it") from None


def decode(data: bytes, source: str, *, formats: tuple[str, ...] = _FORMATS) -> Any:
    """An encoded image as an upright pillow image in RGB; `source` says where it comes from.

    Raises:
        SqnxtError: Pillow is not installed.
        UnreadableImageError: Pillow cannot read it to its end, or it has too many pixels.
    """
    image = open_image(data, source, formats=formats)
    try:
        return to_rgb(upright(image))
    except Exception as error:  # decoders raise what they like on damaged data
        raise unreadable(source, error) from None


def open_image(data: bytes, source: str, *, formats: tuple[str, ...] = _FORMATS) -> Any:
    """A pillow image whose header is read and whose pixels are not yet.

    Raises:
        SqnxtError: Pillow is not installed.
        UnreadableImageError: It is no image of a known format, or has too many pixels.
    """
    try:
        from PIL import Image
    except ImportError:
        raise SqnxtError(
            "pillow", "is not installed and is needed for reading image files", "run `pip install 'sqnxt-tf[device]'`"
        ) from None
    try:
        image = Image.open(BytesIO(data), formats=formats)
    except Exception as error:
        raise unreadable(source, error) from None
    if image.width * image.height > _LARGEST_IMAGE:
        raise UnreadableImageError(
            source,
            f"claims {image.width} x {image.height} pixels, and {_LARGEST_IMAGE:,} are the most that are read",
            "make it smaller or remove it",
        )
    return image


def unreadable(source: str, error: Exception) -> UnreadableImageError:
    """The error of an image that its decoder gave up."""
    reason = str(error).replace(f"{BytesIO.__module__}.BytesIO", "")
    if type(error).__name__ == "UnidentifiedImageError":
        reason = "no image of a known format"
    return UnreadableImageError(source, f"cannot be read as an image ({reason})", "repair or remove it")


def upright(image: Any) -> Any:
    """The image turned as its EXIF data say; reads its pixels."""
    from PIL import ImageOps

    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    return image


def to_rgb(image: Any) -> Any:
    """Eight bits a channel: deeper greys are scaled, transparency is laid on white as on the device."""
    from PIL import Image

    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of type {image.mode} have no known white; save it with 8 or 16 bits a channel")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
