"""Untrusted files of every kind, cut short or of another kind: each is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sqnxt_export import (
    ExportError,
    open_model,
    read_metadata,
)


@pytest.mark.parametrize("suffix", ["keras", "onnx", "tflite"])
def test_truncated_files_are_one_line(files: dict[str, Path], fault: Any, tmp_path: Path, suffix: str) -> None:
    data = files[suffix].read_bytes()
    path = tmp_path / f"cut.{suffix}"
    for keep in [0, 1, 7, 8, 64, *range(100, len(data), len(data) // 12)]:
        path.write_bytes(data[:keep])
        told = fault(open_model, path)
        assert told is not None
        assert "\n" not in told + (fault(read_metadata, path) or "")


@pytest.mark.parametrize("suffix", ["keras", "onnx", "tflite"])
def test_other_things_under_that_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"net.{suffix}"
    with pytest.raises(ExportError, match="no such file"):
        open_model(path)
    path.mkdir()
    with pytest.raises(ExportError, match="is a folder"):
        open_model(path)
    path.rmdir()
    for data in (b"", b"garbage" * 100, bytes(1000), b"PK\x05\x06" + bytes(18)):
        path.write_bytes(data)
        with pytest.raises(ExportError):
            open_model(path)
    with pytest.raises(ExportError, match="unknown kind of file"):
        open_model(path.rename(tmp_path / "net.pb"))


def test_wrong_images_are_one_line(files: dict[str, Path], images: Any) -> None:
    runner = open_model(files["onnx"])
    for wrong in (images[:, :5], images[0], images[:0]):
        with pytest.raises(ExportError, match="give "):
            runner.run(wrong)
