"""Metadata inside an artifact: a zip member at the end of .keras and .tflite files, a property of .onnx files.

A .tflite file with a zip archive appended stays valid for every runtime, since a flatbuffer is read from its front.
.keras files are zip archives already, and loaders ignore members that they do not know.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from sqnxt_base.user_files import naming, read_whole
from sqnxt_export.artifact.files import existing_file, format_of, whole_file
from sqnxt_export.artifact.metadata import MAX_BYTES, MEMBER, Metadata
from sqnxt_export.artifact.onnx_file import read_onnx, save_onnx
from sqnxt_export.artifact.zips import copy_member, open_zip, read_member
from sqnxt_export.errors import ExportError

_MAX_OTHER_MEMBER = 4 << 30
_END_RECORD = b"PK\x05\x06"


def read_metadata(path: str | os.PathLike[str]) -> Metadata | None:
    """Read the metadata of an artifact; None if it has none.

    Raises:
        ExportError: There is no such file, it is of an unknown kind, or its metadata are damaged.
    """
    path = existing_file(path)
    text = _read_property(path) if format_of(path) == "onnx" else _read_zip_text(path)
    if text is None:
        return None
    try:
        return Metadata.from_json(text)
    except ExportError as error:
        raise error.about(path) from error


def write_metadata(path: str | os.PathLike[str], metadata: Metadata) -> None:
    """Write `metadata` into an existing artifact, in place of its former metadata. The file is replaced as a whole.

    Raises:
        ExportError: See `read_metadata`; also if the file cannot be written.
    """
    path = existing_file(path)
    text = metadata.to_json()
    writer = {"keras": _write_keras, "onnx": _write_onnx, "tflite": _write_tflite}[format_of(path)]
    with whole_file(path, force=True) as temporary:
        writer(path, temporary, text)


def without_archive(path: Path) -> bytes:
    """Return the bytes of a .tflite file without the zip archive at its end, which a device does not need.

    Raises:
        ExportError: The archive is damaged.
    """
    data = read_whole(path)
    if not _ends_in_zip(path):
        return data
    with open_zip(path, ".tflite file") as source:
        return data[: _start_of(source)]


def _start_of(archive: zipfile.ZipFile) -> int:
    """Return the offset of the first byte of an archive that follows other bytes."""
    return min((member.header_offset for member in archive.infolist()), default=archive.start_dir)


def _read_property(path: Path) -> str | None:
    return {entry.key: entry.value for entry in read_onnx(path).metadata_props}.get(MEMBER)


def _write_onnx(path: Path, target: Path, text: str) -> None:
    model = read_onnx(path)
    kept = [entry for entry in model.metadata_props if entry.key != MEMBER]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    model.metadata_props.add(key=MEMBER, value=text)
    save_onnx(model, target)


def _read_zip_text(path: Path) -> bytes | None:
    if format_of(path) == "tflite" and not _ends_in_zip(path):
        return None
    with open_zip(path, f"{path.suffix} file") as archive:
        return read_member(path, archive, MEMBER, MAX_BYTES) if MEMBER in archive.namelist() else None


def _write_keras(path: Path, target: Path, text: str) -> None:
    with open_zip(path, ".keras file") as source, zipfile.ZipFile(target, "w") as archive:
        _copy_others(path, source, archive)
        archive.writestr(MEMBER, text)


def _write_tflite(path: Path, target: Path, text: str) -> None:
    """Write the flatbuffer's bytes, followed by one archive with the file's former members and the metadata."""
    if not _ends_in_zip(path):
        shutil.copyfile(path, target)
        with _appended_archive(target) as archive:
            archive.writestr(MEMBER, text)
        return
    with open_zip(path, ".tflite file") as source:
        with naming(path), path.open("rb") as model, target.open("wb") as sink:
            _copy_bytes(model, sink, _start_of(source))
        with _appended_archive(target) as archive:
            _copy_others(path, source, archive)
            archive.writestr(MEMBER, text)


@contextlib.contextmanager
def _appended_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Yield an archive that is written behind the bytes of a file.

    The file is opened here, because `ZipFile` writes over a file that it cannot open for appending.
    """
    with path.open("rb+") as file, zipfile.ZipFile(file, "a") as archive:
        yield archive


def _copy_others(path: Path, source: zipfile.ZipFile, archive: zipfile.ZipFile) -> None:
    for name in source.namelist():
        if name != MEMBER:
            copy_member(path, source, name, archive, _MAX_OTHER_MEMBER)


def _copy_bytes(source, sink, count: int) -> None:  # type: ignore[no-untyped-def]
    while count and (piece := source.read(min(count, 1 << 20))):
        sink.write(piece)
        count -= len(piece)


def _ends_in_zip(path: Path) -> bool:
    """Tell whether a zip archive's end record is where it must be.

    That is in the last 64 KiB + 22 bytes: the record has 22, its comment up to 64 KiB. The file is judged in memory,
    because `is_zipfile` takes a file that cannot be read for one without an archive.
    """
    with naming(path), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 16) - 22))
        if _END_RECORD not in file.read():
            return False
        file.seek(0)
        return zipfile.is_zipfile(BytesIO(file.read()))
