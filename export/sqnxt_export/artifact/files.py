"""Files that are written completely or not at all, and checks of paths before a library sees them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from sqnxt_base.durable import replaced
from sqnxt_export.errors import ExportError

FORMATS = {".keras": "keras", ".onnx": "onnx", ".tflite": "tflite"}
"""Suffix of a file -> its format."""


def format_of(path: Path) -> str:
    """Return the format that a file's suffix stands for: "keras", "onnx" or "tflite".

    Raises:
        ExportError: The suffix is another one.
    """
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise ExportError(
            path, f"unknown kind of file {path.suffix!r}", "give a .keras, .onnx or .tflite file"
        ) from None


def existing_file(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file after checking that it exists and can be read.

    Raises:
        ExportError: There is no file, it is a folder, a FIFO or a device, or its permissions forbid reading.
    """
    path = Path(path)
    if path.is_dir():
        raise ExportError(path, "is a folder", "give the file inside it")
    if not path.exists():
        raise ExportError(path, "no such file", "check the path")
    if not path.is_file():
        raise ExportError(path, "is not a regular file", "give a file, not a pipe or a device")
    if not os.access(path, os.R_OK):
        raise ExportError(path, "cannot be read", "change its permissions")
    return path


def check_output(path: Path, *, force: bool) -> None:
    """Refuse an output that cannot be written, before any work is done.

    Raises:
        ExportError: The path is a folder, its parent is missing or read-only, or the file exists without `force`.
    """
    if path.is_dir():
        raise ExportError(path, "is a folder", "give the name of a file inside it")
    if not path.parent.is_dir():
        raise ExportError(path, f"folder {path.parent} does not exist", "create it first")
    if path.exists() and not force:
        raise ExportError(path, "exists already", "choose another name, or pass `force=True` to overwrite it")
    if not os.access(path.parent, os.W_OK):
        raise ExportError(path, f"folder {path.parent} is read-only", "choose a folder that can be written")


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it if the block succeeds, remove it otherwise.

    The temporary path has the suffix of `path`. At any moment, a power cut included, the earlier file or the new one is
    at `path`, whole.

    Raises:
        ExportError: See `check_output`; also if the disk fills up while the block writes.
        OSError: The block failed at another file, which its error names; the output is not blamed for it.
    """
    path = Path(path)
    check_output(path, force=force)
    with replaced(path, ExportError, before_renaming=lambda: check_output(path, force=force)) as temporary:
        yield temporary  # the block may take minutes
