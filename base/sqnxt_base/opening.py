"""Files from anyone, opened and first run under the eyes of whoever watches this process.

The code that opens a file marks it with `opening`. Whoever watches is told, and holds the `limits`; see `watching`.
Where nobody watches, the marks have no effect.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from sqnxt_base.errors import SqnxtError


class Event(StrEnum):
    """What a process tells whoever watches it, each with a path."""

    OPENING = "o"
    OPENED = "d"
    MADE = "m"
    """A temporary file or folder, to be removed if the process dies."""
    REMOVED = "r"


Teller = Callable[[Event, str], None]


class _Told:
    """Who is told what happens in this process, the depth of `opening` blocks, and what temporary files there are."""

    def __init__(self) -> None:
        self.tell: Teller = _to_nobody
        self.depth = 0
        self.left_over: set[str] = set()


def _to_nobody(event: Event, path: str) -> None:
    """Take what nobody wants to hear."""


_told = _Told()


def tell_openings(tell: Teller | None) -> None:
    """Call `tell` with every event of this process from now on; None ends that."""
    _told.tell, _told.depth = tell or _to_nobody, 0


def is_watched() -> bool:
    """Tell whether anybody watches this process while it opens a file."""
    return _told.tell is not _to_nobody


@contextmanager
def opening(path: str | os.PathLike[str] = "") -> Iterator[None]:
    """Mark a block that opens a file from anyone, or runs it for the first time; of nested blocks the outermost counts.

    Args:
        path: The file; empty for the one that was opened last.
    """
    if not _told.depth:
        _told.tell(Event.OPENING, os.fspath(path))
    _told.depth += 1
    try:
        yield
    finally:
        _told.depth -= 1
        if not _told.depth:
            _told.tell(Event.OPENED, "")


@contextmanager
def removed_on_death(path: str | os.PathLike[str]) -> Iterator[None]:
    """Mark a block in which a temporary file or folder exists, which is removed for this process if it dies."""
    name = os.fspath(path)
    _told.left_over.add(name)
    _told.tell(Event.MADE, name)
    try:
        yield
    finally:
        _told.left_over.discard(name)
        _told.tell(Event.REMOVED, name)


def remove_left_over(paths: Iterable[str] | None = None) -> None:
    """Remove temporary files and folders of a process that does not live to do it; this process's own if None."""
    for path in map(Path, tuple(_told.left_over if paths is None else paths)):
        if path.is_dir():
            import shutil

            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def temporary_folder(beside: Path | None = None) -> Iterator[Path]:
    """Yield a new folder, and remove it at the end of the block, however this process ends.

    Args:
        beside: A path whose name the folder may take at the end of the block; it then stands beside it.

    Raises:
        SqnxtError: The folder for temporary files cannot be written, as on a full disk.
        OSError: The block's own, at another file; also if the folder beside a path cannot be written.
    """
    import tempfile  # late: most verbs need none

    prefix, parent = ("sqnxt-tf-", None) if beside is None else (f".{beside.name}-", beside.parent)
    try:
        place = tempfile.TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True)
        with place as folder, removed_on_death(folder):
            yield Path(folder)
    except OSError as error:
        if beside is not None or (error.filename and prefix not in os.fsdecode(error.filename)):
            raise
        raise temporary_fault(error) from error


def temporary_fault(error: OSError) -> SqnxtError:
    """Return the error of a folder for temporary files that cannot be used, with what the user can do."""
    import tempfile

    return SqnxtError(
        f"temporary folder {tempfile.tempdir or ''}".rstrip(),
        f"cannot be written ({error.strerror or error})",
        "free some space there, or let TMPDIR name a folder on another disk",
    )
