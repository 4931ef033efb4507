"""Checks of folders that a verb writes to."""

from __future__ import annotations

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


def check_parent_folder(path: Path) -> None:
    """Refuse a path in a folder that does not exist.

    Raises:
        SqnxtError: The folder around it does not exist.
    """
    if not path.absolute().parent.is_dir():
        raise SqnxtError(path, f"folder {path.parent} does not exist", "create it first")
