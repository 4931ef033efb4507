"""Checks of folders that a verb writes to."""

from __future__ import annotations

import os
from pathlib import Path

from sqnxt_tf.errors import SqnxtError


def check_output_folder(folder: Path, *, force: bool) -> None:
    """Refuse a folder that cannot be written to, or that is not empty, before any work is done.

    Raises:
        SqnxtError: A file has that name, or the folder is not empty and `force` is not set.
    """
    if folder.exists() and not folder.is_dir():
        raise SqnxtError(folder, "is a file", "give the name of a folder")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise SqnxtError(folder, "is not empty", "choose another folder, or pass `force=True` to overwrite it")
    check_can_create(folder)


def check_can_create(folder: Path) -> None:
    """Refuse a folder that cannot be created with all folders that lead to it.

    Raises:
        SqnxtError: A file stands in its way, or the innermost folder that exists is read-only.
    """
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise SqnxtError(folder, f"{existing} is a file", "give a path through folders")
    if not os.access(existing, os.W_OK):
        raise SqnxtError(folder, f"folder {existing} is read-only", "choose a folder that can be written")


def check_parent_folder(path: Path) -> None:
    """Refuse a path in a folder that does not exist.

    Raises:
        SqnxtError: The folder around it does not exist.
    """
    if not path.absolute().parent.is_dir():
        raise SqnxtError(path, f"folder {path.parent} does not exist", "create it first")
