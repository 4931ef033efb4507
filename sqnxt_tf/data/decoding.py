"""Decode images by pillow alone, so that training sees the same pixels as the device."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.printable_text import one_line
from sqnxt_base.user_files import open_regular
from sqnxt_tf.data.decoding_limits import DatedBytes, check_scans
from sqnxt_tf.data.unreadable_image import UnreadableImageError
from sqnxt_tf.errors import SqnxtError

_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Formats that are read in data sets, by pillow's names; HEIF too where pillow-heif is installed."""

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""What stands behind `ftyp` at the beginning of a HEIC or HEIF file, as phones write them."""

_START_PROGRAMS = frozenset({"EPS", "WMF"})
"""Formats that are never read: for these, pillow starts a program that executes the file's contents."""

_LARGEST_IMAGE = 100_000_000  # pixels; the header of a tiny file can claim any number
_LARGEST_FILE = 2**29  # bytes; more than that many pixels take without compression


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read an image file of any format that pillow knows as upright RGB, uint8 [height, width, 3].

    Raises:
        SqnxtError: Pillow is not installed, or cannot read the file.
    """
    return np.asarray(decode(read_file(path), str(path), formats=known_formats()), np.uint8)


@cache
def known_formats() -> tuple[str, ...]:
    """Return the formats that the installed pillow reads without starting other programs, the usual ones first."""
    try:
        from PIL import Image
    except ImportError:  # `open_image` reports it
        return _FORMATS
    Image.init()
    usual = data_formats()
    return (*usual, *sorted(set(Image.OPEN) - {*usual, *_START_PROGRAMS}))


@cache
def data_formats() -> tuple[str, ...]:
    """Return the formats that are read in data sets; HEIF only where the package pillow-heif is installed."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return _FORMATS
    register_heif_opener()
    return (*_FORMATS, "HEIF")


def is_heic(data: bytes) -> bool:
    """Return whether a file is HEIC or HEIF by its first bytes."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS


def read_file(path: Path) -> bytes:
    """Read the bytes of an image file.

    Raises:
        UnreadableImageError: The file cannot be read, is something else than a regular file, such as a FIFO, or is too
            large for an image.
    """
    try:
        with open(open_regular(path), "rb") as file:  # noqa: PTH123 - a descriptor
            if (size := os.fstat(file.fileno()).st_size) > _LARGEST_FILE:
                raise UnreadableImageError(
                    path, f"has {size:,} bytes, more than the limit of {_LARGEST_FILE:,}", "remove it"
                )
            return file.read(_LARGEST_FILE)
    except OSError as error:
        raise UnreadableImageError(path, f"cannot be read ({error.strerror or error})", "repair or remove it") from None


def decode(data: bytes, source: str, *, formats: tuple[str, ...] | None = None) -> Any:
    """Decode an image to an upright pillow image in RGB; `source` is its name in messages.

    Raises:
        SqnxtError: Pillow is not installed.
        UnreadableImageError: Pillow cannot decode all of it, it takes too long, or it has too many pixels or scans.
    """
    image = open_image(data, source, formats=formats)
    try:
        return to_rgb(upright(image))
    except Exception as error:  # on damaged data, decoders raise any kind of error
        raise unreadable(source, error) from None


def open_image(data: bytes, source: str, *, formats: tuple[str, ...] | None = None) -> Any:
    """Open a pillow image: its header is read, and its pixels are not yet.

    Raises:
        SqnxtError: Pillow is not installed.
        UnreadableImageError: The format is unknown, or the image has too many pixels or scans.
    """
    try:
        from PIL import Image
    except ImportError:
        raise SqnxtError(
            "pillow", "is not installed and is needed for reading image files", "run `pip install 'sqnxt-tf[device]'`"
        ) from None
    formats = formats or data_formats()
    try:
        image = Image.open(DatedBytes(data), formats=formats)
    except Exception as error:
        if is_heic(data) and "HEIF" not in formats:
            raise UnreadableImageError(
                source, "is HEIC, which pillow alone cannot read", "run `pip install pillow-heif`, or save it as JPEG"
            ) from None
        raise unreadable(source, error) from None
    if image.width * image.height > _LARGEST_IMAGE:
        raise UnreadableImageError(
            source,
            f"claims {image.width} x {image.height} pixels, more than the limit of {_LARGEST_IMAGE:,}",
            "make it smaller or remove it",
        )
    if image.format in ("JPEG", "MPO"):
        check_scans(data, image.width * image.height, source)
    return image


def unreadable(source: str, error: Exception) -> UnreadableImageError:
    """Make the error for an image that its decoder could not read."""
    reason = one_line(error)
    if type(error).__name__ == "UnidentifiedImageError":
        reason = "no image of a known format"
    return UnreadableImageError(source, f"cannot be read as an image ({reason})", "repair or remove it")


def upright(image: Any) -> Any:
    """Read the pixels of an image, and turn it as its EXIF data say."""
    from PIL import ImageOps

    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    return image


def to_rgb(image: Any) -> Any:
    """Convert an image to RGB with 8 bits per channel: 16-bit greys are scaled, and transparency is laid on white."""
    from PIL import Image

    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of type {image.mode} have no defined white; save it with 8 or 16 bits per channel")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
