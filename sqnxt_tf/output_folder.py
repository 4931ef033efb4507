"""Checks of folders that a verb writes to, and folders that take their place when they are whole."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqnxt_base.durable import cannot_be_written, is_temporary, synchronize_folder, synchronize_tree
from sqnxt_base.opening import temporary_folder
from sqnxt_tf.errors import SqnxtError

_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux


def check_output_folder(folder: Path, *, force: bool) -> None:
    """Refuse a folder that cannot be written to, or that is not empty, before any work is done.

    Raises:
        SqnxtError: A file has that name, or the folder is not empty and `force` is not set.
    """
    if folder.exists() and not folder.is_dir():
        raise SqnxtError(folder, "is a file", "give the name of a folder")
    if holds_something(folder) and not force:
        raise SqnxtError(folder, "is not empty", "choose another folder, or pass `force=True` to overwrite it")
    check_can_create(folder)


def holds_something(folder: Path) -> bool:
    """Tell whether a folder holds more than what a power cut has left of a file that was being written."""
    return folder.is_dir() and not all(is_temporary(path.name) for path in folder.iterdir())


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


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder that takes the place of `folder` if the block succeeds, and is removed otherwise.

    The two change places in one step where the system can do it, as Linux can; so at any moment, a power cut included,
    one of them is at `folder`, whole. Elsewhere the earlier one is renamed first, and renamed back if the other cannot
    take its place.

    Raises:
        SqnxtError: The folder cannot be written, as on a full disk; an earlier one is where it was.
        OSError: The block failed at another file, which its error names.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(beside=folder) as part:
            yield part
            os.chmod(part, 0o755)  # noqa: PTH101 - mkdtemp made it private
            synchronize_tree(part)
            _take_place(part, folder)
            synchronize_folder(folder.parent)
    except OSError as error:
        if _is_elsewhere(error, folder):
            raise
        raise cannot_be_written(folder, error) from error


def _is_elsewhere(error: OSError, folder: Path) -> bool:
    """Tell whether an error names files, and none of them is the folder or in its temporary one."""
    named = [Path(os.fsdecode(name)) for name in (error.filename, error.filename2) if name]
    return bool(named) and not any(
        path in (folder, folder.parent) or any(part.startswith(f".{folder.name}-") for part in path.parts)
        for path in named
    )


def _take_place(part: Path, folder: Path) -> None:
    """Rename a finished folder; an earlier one of that name is at `part` then."""
    if not folder.is_dir():
        part.rename(folder)
    elif not _exchanged(part, folder):
        _replace_in_two_steps(part, folder)


def _exchanged(one: Path, other: Path) -> bool:
    """Let two folders change places; return False where the system, or its disk, has no such call."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    return bool(call(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)


def _replace_in_two_steps(part: Path, folder: Path) -> None:
    aside = part.with_name(f"{part.name}-old")
    folder.rename(aside)
    try:
        part.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    aside.rename(part)  # its owner removes it
