"""Calls to the file system that fail on demand, or are recorded: the Python side of `faulty_files.c`.

The C file is compiled by the host's compiler and preloaded into a child process, so that the n-th call fails where the
system would: below Python, and for native code (SQLite, HDF5, TensorFlow's writers) in the same way. The child asks for
faults through `Faults`.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

_SOURCE = Path(__file__).with_suffix(".c")
_VARIABLE = "FAULTY_FILES_STATE"
_PATH_MAX = 4096
SHORT = -1
"""Stands for an error: the call reads or writes half of what it was asked to, and succeeds."""


class Call(IntEnum):
    """The kinds of calls that are counted; the values are those of the C file."""

    OPEN = 0
    """Opening a file for writing."""
    WRITE = 1
    RENAME = 2
    FSYNC = 3
    MKDIR = 4
    UNLINK = 5
    """Removing a file or a folder."""
    READ = 6


_HEAD = struct.Struct(f"{7 + len(Call)}i")  # armed, kind, at, error, lasting, recording, hits, counts
_SIZE = _HEAD.size + 2 * _PATH_MAX


class Fault(NamedTuple):
    """A call that fails, the error that it gives, and whether all later calls of its kind fail too."""

    call: Call
    error: int
    lasting: bool = False

    def __str__(self) -> str:
        name = "short" if self.error == SHORT else errno.errorcode[self.error]
        return f"{self.call.name.lower()} {name}{' from then on' if self.lasting else ''}"


FAULTS = (
    Fault(Call.OPEN, errno.ENOSPC),
    Fault(Call.OPEN, errno.EIO),
    Fault(Call.OPEN, errno.EINTR),
    Fault(Call.WRITE, errno.ENOSPC, lasting=True),
    Fault(Call.WRITE, errno.EIO),
    Fault(Call.WRITE, errno.EINTR),
    Fault(Call.WRITE, SHORT),
    Fault(Call.RENAME, errno.EIO),
    Fault(Call.RENAME, errno.ENOSPC),
    Fault(Call.FSYNC, errno.EIO),
    Fault(Call.FSYNC, errno.EINTR),
    Fault(Call.MKDIR, errno.ENOSPC),
    Fault(Call.UNLINK, errno.EIO),
    Fault(Call.READ, errno.EIO),
    Fault(Call.READ, errno.EINTR),
    Fault(Call.READ, SHORT),
)
"""What is tried at every call."""


def compile_library(folder: Path) -> Path:
    """Compile the library and return its path."""
    library = folder / "faulty_files.so"
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["cc", *flags, "-o", str(library), str(_SOURCE), "-ldl"], check=True)
    return library


def environment(library: Path, folder: Path) -> dict[str, str]:
    """Return the variables with which a process gets the library; `folder` is for what the two sides share.

    Python compiles nothing to disk: the modules that TensorFlow writes and imports have other names in every run.
    """
    state = folder / "state"
    state.write_bytes(bytes(_SIZE))
    return {"LD_PRELOAD": str(library), _VARIABLE: str(state), "PYTHONDONTWRITEBYTECODE": "1"}


class Faults:
    """The faults of this process, which has the library, and of its children; of paths below `root` only."""

    def __init__(self, root: Path, log: Path) -> None:
        with open(os.environ[_VARIABLE], "r+b") as file:  # noqa: PTH123 - a variable is no path
            self._state = mmap.mmap(file.fileno(), _SIZE)
        self._log = log
        names = (os.fsencode(root).ljust(_PATH_MAX, b"\0"), os.fsencode(log).ljust(_PATH_MAX, b"\0"))
        self._state[_HEAD.size :] = b"".join(names)

    def _set(self, *numbers: int) -> None:
        self._state[: _HEAD.size] = _HEAD.pack(*numbers, *[0] * (7 + len(Call) - len(numbers)))

    @contextmanager
    def counted(self) -> Iterator[dict[Call, int]]:
        """Count the calls in the block; the dictionary that is yielded is filled at its end."""
        counts: dict[Call, int] = {}
        with self._armed():
            yield counts
        counts |= dict(zip(Call, self._numbers()[7:], strict=True))

    @contextmanager
    def failing(self, fault: Fault, at: int) -> Iterator[list[int]]:
        """Let the call of that number, from 1, fail in the block; the list gets the number of failures at its end."""
        hits: list[int] = []
        with self._armed(fault, at):
            yield hits
        hits.append(self._numbers()[6])

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Record the calls in the block in the file `log`, which `power_cuts` reads."""
        self._log.unlink(missing_ok=True)
        self._set(0, 0, 0, 0, 0, 1)
        try:
            yield
        finally:
            self._set(0)

    @contextmanager
    def _armed(self, fault: Fault | None = None, at: int = 0) -> Iterator[None]:
        self._set(1, *((fault.call, at, fault.error, int(fault.lasting)) if fault else ()))
        try:
            yield
        finally:
            numbers = self._numbers()
            self._set(0, *numbers[1:])  # the counts stay

    def _numbers(self) -> tuple[int, ...]:
        return _HEAD.unpack(self._state[: _HEAD.size])
