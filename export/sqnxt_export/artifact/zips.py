"""Zip archives that may come from anyone: bounded in number of members and size, and never extracted to disk."""

from __future__ import annotations

import errno
import os
import zipfile
from pathlib import Path

from sqnxt_export.errors import ExportError, one_line

_MAX_MEMBERS = 64
_CHUNK = 1 << 20
_AGAIN = "export or save the file again"


def open_zip(path: Path, kind: str) -> zipfile.ZipFile:
    """Open an archive and check its directory.

    Raises:
        ExportError: The file is not a zip archive, or has too many members, a member twice, an encrypted member, or a
            member whose name points outside the archive.
    """
    try:
        archive = open_own_zip(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno == errno.EIO:
            raise ExportError(path, f"cannot be read ({error.strerror})", "check the path and the disk") from error
        raise ExportError(path, f"not a {kind} ({one_line(error)})", "copy or export the file again") from error
    try:
        _check_directory(path, archive)
    except ExportError:
        archive.close()
        raise
    return archive


def open_own_zip(path: Path) -> zipfile.ZipFile:
    """Open an archive that is ours, and whose directory needs no check.

    Raises:
        OSError: The disk cannot be read; `zipfile` would say that the file is no archive.
    """
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        hidden = error.__context__
        if isinstance(hidden, OSError) and hidden.errno == errno.EIO:
            raise OSError(hidden.errno, hidden.strerror, os.fspath(path)) from error
        raise


def _check_directory(path: Path, archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise ExportError(path, f"refused, since its zip archive has more than {_MAX_MEMBERS} members", _AGAIN)
    names = [member.filename for member in members]
    if len(set(names)) != len(names):
        raise ExportError(path, "refused, since its zip archive has a member twice", _AGAIN)
    for member in members:
        parts = member.filename.replace("\\", "/").split("/")
        if member.filename.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            raise ExportError(
                path, f"refused, since member {member.filename[:80]!r} points outside the archive", _AGAIN
            )
        if member.flag_bits & 1:
            raise ExportError(path, f"refused, since member {member.filename[:80]!r} is encrypted", _AGAIN)


def read_member(path: Path, archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Read a member's bytes, at most `limit` of them regardless of the size that the directory states.

    Raises:
        ExportError: The member is missing, damaged, or larger than `limit`.
    """
    try:
        with archive.open(name) as member:
            data = member.read(limit + 1)
    except KeyError:
        raise ExportError(path, f"has no {name} inside", "save the model again") from None
    except Exception as error:  # zlib, lzma, bz2 and struct each have their own
        raise ExportError(path, f"{name} is damaged ({one_line(error)})", "copy or save the file again") from error
    if len(data) > limit:
        raise ExportError(path, f"refused, since {name} unpacks to more than {limit} bytes", _AGAIN)
    return data


def copy_member(path: Path, archive: zipfile.ZipFile, name: str, target: zipfile.ZipFile, limit: int) -> None:
    """Copy a member in pieces and store it uncompressed, at most `limit` bytes.

    Raises:
        ExportError: See `read_member`.
    """
    copied = 0
    try:
        with archive.open(name) as source, target.open(name, "w", force_zip64=True) as sink:
            while piece := source.read(_CHUNK):
                copied += len(piece)
                if copied > limit:
                    raise ExportError(path, f"refused, since {name} unpacks to more than {limit} bytes", _AGAIN)
                sink.write(piece)
    except (ExportError, OSError):
        raise
    except Exception as error:
        raise ExportError(path, f"{name} is damaged ({one_line(error)})", "copy or save the file again") from error
