"""Folders of images, one sub-folder a class."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SqnxtError
from .images import ImageSet

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})


def image_folder(folder: Path) -> ImageSet:
    """All images under `folder`; its sub-folders, sorted by name, are the classes.

    Raises:
        SqnxtError: the folder is not there, or holds no sub-folders with images.
    """
    check_is_folder(folder)
    classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    found = [
        (path, label)
        for label, name in enumerate(classes)
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in SUFFIXES
    ]
    if not found:
        raise SqnxtError(f"{folder}: holds no images in sub-folders; give each class a sub-folder of its own")
    return ImageSet(
        name=str(folder),
        labels=np.array([label for _, label in found], np.int64),
        class_names=tuple(classes),
        sources=tuple(str(path) for path, _ in found),
        image=lambda index: read_image(found[index][0]),
    )


def check_is_folder(folder: Path) -> None:
    """Refuse data that are not there.

    Raises:
        SqnxtError: the folder is not there.
    """
    if not folder.is_dir():
        raise SqnxtError(f"{folder}: is not a folder; give `digits`, or a folder with one sub-folder a class")


def read_image(path: Path) -> NDArray[np.uint8]:
    """One image file as uint8 [height, width, 3] in RGB, turned as its EXIF data say.

    Raises:
        SqnxtError: pillow is not installed, or cannot read the file.
    """
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError:
        raise SqnxtError("reading image files needs pillow: pip install 'sqnxt-tf[device]'") from None
    try:
        with Image.open(path) as image:
            return np.asarray(_to_rgb(ImageOps.exif_transpose(image)), np.uint8)
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise SqnxtError(f"{path}: cannot be read as an image ({error}); repair or remove it") from None


def _to_rgb(image: Any) -> Any:
    """Eight bits a channel: deeper greys are scaled, transparency is laid on white as on the device."""
    from PIL import Image

    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of type {image.mode} have no known white; save it with 8 or 16 bits a channel")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
