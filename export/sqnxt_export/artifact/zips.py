"""Zip archives that may come from anyone: bounded in count and size, and never extracted to disk."""

from __future__ import annotations

import zipfile
from pathlib import Path

from sqnxt_export.errors import ExportError, one_line

_MAX_MEMBERS = 64
_CHUNK = 1 << 20


def open_zip(path: Path, kind: str) -> zipfile.ZipFile:
    """The archive, its directory checked.

    Raises:
        ExportError: No zip archive, too many members, a member twice, encrypted, or with a path in its name.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ExportError(path, f"not a {kind} ({one_line(error)})", "copy or export the file again") from error
    try:
        _check_directory(path, archive)
    except ExportError:
        archive.close()
        raise
    return archive


def _check_directory(path: Path, archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise ExportError(path, f"its zip archive has {len(members)} members", f"refused above {_MAX_MEMBERS}")
    names = [member.filename for member in members]
    if len(set(names)) != len(names):
        raise ExportError(path, "its zip archive has a member twice", "refused, export the file again")
    for member in members:
        parts = member.filename.replace("\\", "/").split("/")
        if member.filename.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            raise ExportError(path, f"member {member.filename[:80]!r} points outside the archive", "refused")
        if member.flag_bits & 1:
            raise ExportError(path, f"member {member.filename[:80]!r} is encrypted", "refused")


def read_member(path: Path, archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """A member's bytes, at most `limit` of them whatever the directory claims.

    Raises:
        ExportError: The member is missing, damaged, or larger than `limit`.
    """
    try:
        with archive.open(name) as member:
            data = member.read(limit + 1)
    except KeyError:
        raise ExportError(path, f"has no {name} inside", "it is incomplete, save it again") from None
    except Exception as error:  # zlib, lzma, bz2 and struct each have their own
        raise ExportError(path, f"{name} is damaged ({one_line(error)})", "copy or save the file again") from error
    if len(data) > limit:
        raise ExportError(path, f"{name} unpacks to more than {limit} bytes", "refused")
    return data


def copy_member(path: Path, archive: zipfile.ZipFile, name: str, target: zipfile.ZipFile, limit: int) -> None:
    """Copy a member, uncompressed, in pieces; at most `limit` bytes. Raises ExportError as `read_member` does."""
    copied = 0
    try:
        with archive.open(name) as source, target.open(name, "w", force_zip64=True) as sink:
            while piece := source.read(_CHUNK):
                copied += len(piece)
                if copied > limit:
                    raise ExportError(path, f"{name} unpacks to more than {limit} bytes", "refused")
                sink.write(piece)
    except (ExportError, OSError):
        raise
    except Exception as error:
        raise ExportError(path, f"{name} is damaged ({one_line(error)})", "copy or save the file again") from error
