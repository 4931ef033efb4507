"""Files from users: only regular ones are opened, only up to a size, and their text is UTF-8.

A FIFO, a socket or a device may hold a reader for ever. A reader asks for its largest size before any memory is taken.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LINE_END = re.compile(r"\r\n|\r|\n")
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


class UnreadableTextError(ValueError):
    """A text that is not what it should be, or that is too large or nested too deep to be read; one line says why."""


def open_regular(path: str | os.PathLike[str]) -> int:
    """Open a regular file for reading, and return its descriptor.

    Raises:
        OSError: There is no such file, it cannot be opened, or it is something else than a regular file, such as a
            FIFO; `strerror` says which.
    """
    refuse_special(path, os.stat(path).st_mode)  # noqa: PTH116 - opening a device may do things
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        refuse_special(path, os.fstat(descriptor).st_mode)  # it may have changed in between
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def refuse_special(path: str | os.PathLike[str], mode: int) -> None:
    """Refuse what is not a regular file, by the mode that `os.stat` returns.

    Raises:
        OSError: It is something else.
    """
    if not stat.S_ISREG(mode):
        raise OSError(None, f"is {_KINDS.get(stat.S_IFMT(mode), 'something')}, not a regular file", os.fspath(path))


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Let errors of a block that reads a file name it; the system names a file that cannot be opened only.

    Raises:
        OSError: The block's own, with the name.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = os.fspath(path)
        raise


def read_whole(path: Path) -> bytes:
    """Read a file of any size, whose kind has been checked.

    Raises:
        OSError: It cannot be read; the error names it.
    """
    with naming(path):
        return path.read_bytes()


def read_bytes(path: str | os.PathLike[str], most: int) -> bytes:
    """Read a regular file of at most `most` bytes.

    Raises:
        OSError: See `open_regular`.
        UnreadableTextError: The file is larger.
    """
    with naming(path), open(open_regular(path), "rb") as file:
        if os.fstat(file.fileno()).st_size > most:
            raise UnreadableTextError(f"larger than {most:,} bytes")
        data = file.read(most + 1)
    if len(data) > most:
        raise UnreadableTextError(f"larger than {most:,} bytes")
    return data


def read_text(path: str | os.PathLike[str], most: int) -> str:
    """Read a regular file of at most `most` bytes of text in UTF-8.

    Raises:
        OSError, UnreadableTextError: See `read_bytes` and `as_text`.
    """
    return as_text(read_bytes(path, most))


def as_text(data: bytes) -> str:
    """Return bytes as the text that they hold.

    Raises:
        UnreadableTextError: They are not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableTextError(f"not text in UTF-8: byte 0x{data[error.start]:02x} at {error.start:,}") from None


def reason_of(error: Exception) -> str:
    """Return why a file cannot be opened: the system's words, or Python's for a name that no file can have."""
    return str(getattr(error, "strerror", None) or error)


def lines_of(text: str) -> list[str]:
    """Return the lines of a text without spaces around them, and without empty ones.

    `str.splitlines` would also divide a label at a form feed or a line separator inside it, and number all others anew.
    """
    return [line.strip() for line in _LINE_END.split(text) if line.strip()]


def exists(path: Path) -> bool:
    """Tell whether a path leads to something; False for one that no file can have, at which Python 3.11 raises."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
