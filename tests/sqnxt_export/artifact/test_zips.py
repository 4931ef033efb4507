"""Archives on a disk that cannot be read are no damaged archives, though `zipfile` says so."""

from __future__ import annotations

import errno
import zipfile
from pathlib import Path
from typing import Any, NoReturn

import pytest

from sqnxt_export.artifact.zips import open_own_zip, open_zip
from sqnxt_export.errors import ExportError


def test_a_disk_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")

    def fail(file: Any) -> NoReturn:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(zipfile, "_EndRecData", fail)
    with pytest.raises(OSError, match="Input/output error") as caught:
        open_own_zip(path)
    assert caught.value.filename == str(path)
    with pytest.raises(ExportError) as refused:
        open_zip(path, ".keras file")
    assert str(refused.value) == f"{path}: cannot be read (Input/output error); check the path and the disk"
