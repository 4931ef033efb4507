"""The contents of a packed data set: the images of each shard, and the record of each image."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.augmentation import generator
from sqnxt_tf.data.batches import even_bounds, steps_for
from sqnxt_tf.data.decoding import open_image, to_rgb, unreadable, upright
from sqnxt_tf.data.digits import Split
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.data.examples import encode
from sqnxt_tf.data.records import LARGEST_RECORD
from sqnxt_tf.data.unreadable_image import UnreadableImageError

_SHARD_BYTES = 128 * 2**20
_FEWEST_SHARDS = 8  # so that a few workers have files of their own
_ORIENTATION = 0x0112  # EXIF tag


def shards_of(images: EncodedImages, shards: int | None, seed: int) -> list[NDArray[np.int64]]:
    """Return the indices of the images of each shard, in a random order that mixes the classes.

    `shards` is the number of shards; by default there is one for every 128 MB, and at least 8.
    """
    if shards is None:
        total = sum(_stated(source)[0] for source in images.sources)
        shards = max(_FEWEST_SHARDS, steps_for(total, _SHARD_BYTES))
    bounds = even_bounds(len(images), min(shards, len(images)))
    return np.split(generator(seed, 0, 0).permutation(len(images)).astype(np.int64), bounds[1:-1])


def record_of(images: EncodedImages, index: int, first_label: int) -> bytes:
    """Return the record of an image in ImageNet's usual layout; all its pixels are decoded as a check.

    A JPEG or PNG that every reader decodes to the same pixels is kept byte for byte. Any other image (another format,
    CMYK, with transparency, or turned by EXIF data) becomes an upright RGB image in PNG, without loss.

    Raises:
        UnreadableImageError: The image cannot be read, or is too large for a record.
    """
    data, label = images.read(index)
    source = images.sources[index]
    image = open_image(data, source)
    try:
        plain = _is_plain(image)  # reading EXIF data decodes a PNG to its end
        rgb = to_rgb(upright(image))
        name = {"MPO": "JPEG"}.get(image.format or "", image.format)
        if not plain:
            data, name = _as_png(rgb), "PNG"
    except Exception as error:
        raise unreadable(source, error) from None
    if len(data) > LARGEST_RECORD - 2**16:
        raise UnreadableImageError(source, f"takes {len(data):,} bytes, too many for a record", "make it smaller")
    return encode(
        {
            "image/encoded": data,
            "image/format": name,
            "image/height": rgb.height,
            "image/width": rgb.width,
            "image/channels": 3,
            "image/colorspace": "RGB",
            "image/filename": os.path.basename(source),  # noqa: PTH119
            "image/class/label": label + first_label,
            "image/class/text": images.class_names[label],
        }
    )


def fingerprint(parts: Mapping[Split, EncodedImages]) -> str:
    """Return a hash of all files by name, size and modification time; packing resumes only if it is the same."""
    digest = hashlib.sha256()
    for split, images in parts.items():
        digest.update(repr((split, images.class_names)).encode("utf-8", "surrogateescape"))
        for source in images.sources:
            size, changed = _stated(source)
            digest.update(f"{source}\0{size}\0{changed}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _stated(source: str) -> tuple[int, int]:
    """Return size and modification time of a file; zeros for a link that leads nowhere, which is left out later."""
    try:
        found = os.stat(source)  # noqa: PTH116 - a million of them
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _is_plain(image: Any) -> bool:
    """Tell whether every reader of TFRecords decodes the image to the pixels that we see."""
    known = (image.format in ("JPEG", "MPO") and image.mode in ("RGB", "L")) or (
        image.format == "PNG" and image.mode == "RGB" and "transparency" not in image.info
    )
    return known and image.getexif().get(_ORIENTATION, 1) == 1


def _as_png(image: Any) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
