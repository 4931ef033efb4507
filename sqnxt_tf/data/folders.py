"""Folders of images, with one sub-folder for each class."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sqnxt_tf.data.decoding import read_file, read_image
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.data.images import ImageSet
from sqnxt_tf.errors import SqnxtError

__all__ = [
    "SUFFIXES",
    "check_is_folder",
    "class_folders",
    "encoded_folder",
    "files_in",
    "image_folder",
    "is_folder",
    "read_image",
]

SUFFIXES = frozenset({".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})


def encoded_folder(folder: Path) -> EncodedImages:
    """List all images under `folder`; its sub-folders, sorted by name, are the classes.

    Raises:
        SqnxtError: The folder does not exist, or has no sub-folders with images.
    """
    classes = class_folders(folder)
    paths: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = [path for path in files_in(folder / name) if path.suffix.lower() in SUFFIXES]
        paths += map(str, found)
        labels += [label] * len(found)
    if not paths:
        raise SqnxtError(folder, "holds no images in sub-folders", "give each class a sub-folder of its own")
    return EncodedImages(
        name=str(folder),
        class_names=classes,
        sources=tuple(paths),
        files=np.arange(len(paths), dtype=np.int32),
        read=lambda index: (read_file(Path(paths[index])), labels[index]),
        labels=np.array(labels, np.int64),
    )


def image_folder(folder: Path) -> ImageSet:
    """List all images under `folder` as `encoded_folder` does; they are decoded on demand."""
    return encoded_folder(folder).as_image_set()


def class_folders(folder: Path) -> tuple[str, ...]:
    """Return the names of the sub-folders, sorted; they are the classes.

    Raises:
        SqnxtError: The folder does not exist.
    """
    check_is_folder(folder)
    return tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")))


def files_in(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder, in an order that is the same on every machine."""
    for here, folders, files in os.walk(folder):
        folders.sort()
        yield from (Path(here) / name for name in sorted(files))


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder; False for a name too long for any file, at which Python 3.11 raises."""
    try:
        return path.is_dir()
    except OSError:
        return False


def check_is_folder(folder: Path) -> None:
    """Refuse a path that is not a folder.

    Raises:
        SqnxtError: It is not.
    """
    if not is_folder(folder):
        raise SqnxtError(folder, "is not a folder", "give one with a sub-folder a class")
