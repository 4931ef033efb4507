"""Files that are replaced whole, and survive a power cut: what is renamed is on the disk before, and its name after.

A system may write a new name to the disk before the contents of the file, so that after a power cut the name leads to
an empty file. It does not if the contents are flushed before the rename.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqnxt_base.errors import SqnxtError
from sqnxt_base.opening import removed_on_death

_TEMPORARY = re.compile(r"\..+-[0-9a-f]{8}(\.\w+)?", re.DOTALL)
_REMEDIES = {
    errno.ENOSPC: "free some space or choose another disk",
    errno.EDQUOT: "free some of your quota or choose another disk",
    errno.EFBIG: "raise the limit on file sizes or choose another disk",
    errno.EROFS: "choose a folder that can be written",
    errno.EACCES: "choose a folder that can be written",
    errno.EPERM: "choose a folder that can be written",
}


def cannot_be_written(path: Path, error: OSError, kind: type[SqnxtError] = SqnxtError) -> SqnxtError:
    """Return the error of a file or folder that cannot be written, with what the user can do."""
    remedy = _REMEDIES.get(error.errno or 0, "check the path and the disk")
    return kind(path, f"cannot be written ({error.strerror or error})", remedy)


@contextmanager
def replaced(
    path: Path, kind: type[SqnxtError] = SqnxtError, *, before_renaming: Callable[[], None] = lambda: None
) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it if the block succeeds, remove it otherwise.

    The temporary path has the suffix of `path`. At any moment, a power cut included, the earlier file or the new one is
    at `path`, whole.

    Args:
        path: The file that is written or replaced.
        kind: The class of the error if it cannot be.
        before_renaming: Called when the block has succeeded; may raise an error.

    Raises:
        SqnxtError: The file cannot be written, as on a full disk.
        OSError: The block failed at another file, which its error names; the output is not blamed for it.
    """
    temporary = path.with_name(f".{path.stem[:80]}-{secrets.token_hex(4)}{path.suffix}")
    with removed_on_death(temporary), _faults_about(path, temporary, kind):
        try:
            temporary.touch(exist_ok=False)
            yield temporary
            before_renaming()
            synchronize_file(temporary)
            temporary.replace(path)
            synchronize_folder(path.parent)
        finally:
            with suppress(OSError):  # the output is there, or another error says why it is not
                temporary.unlink(missing_ok=True)


def is_temporary(name: str) -> bool:
    """Tell whether a name is that of a temporary file of `replaced`, which a power cut or a kill may leave."""
    return bool(_TEMPORARY.fullmatch(name))


@contextmanager
def _faults_about(path: Path, temporary: Path, kind: type[SqnxtError]) -> Iterator[None]:
    """Let errors about the temporary file be errors about the file that the user knows."""
    try:
        yield
    except SqnxtError as error:
        if error.object != os.fspath(temporary):
            raise
        raise error.about(path) from error
    except OSError as error:
        if error.filename not in (None, "", *map(os.fspath, (path, temporary, path.parent))):
            raise
        raise cannot_be_written(path, error, kind) from error


def synchronize_file(path: Path) -> None:
    """Flush a file to the disk that was written and closed."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def synchronize_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, where the system supports it."""
    with suppress(OSError):  # some network disks do not
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def synchronize_tree(folder: Path) -> None:
    """Flush all files of a folder and of its sub-folders to the disk, and their names."""
    for path in folder.rglob("*"):
        if path.is_dir():
            synchronize_folder(path)
        else:
            synchronize_file(path)
    synchronize_folder(folder)
