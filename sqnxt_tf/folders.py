"""Folders that are written to."""

from pathlib import Path

from .errors import SqnxtError


def check_output_folder(folder: Path, *, force: bool) -> None:
    """Refuse, before any work is done, a folder that cannot be written to, or that holds something already.

    Raises:
        SqnxtError: a file of that name, or a folder that is not empty and `force` is not set.
    """
    if folder.exists() and not folder.is_dir():
        raise SqnxtError(f"{folder}: is a file; give the name of a folder")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise SqnxtError(f"{folder}: is not empty; choose another folder, or overwrite it with --force")
