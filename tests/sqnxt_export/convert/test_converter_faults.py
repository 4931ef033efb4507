"""A disk that fails while TensorFlow's converter saves a function is told as such, not as a refusal of the model."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helpers.keras_networks import mobilenet_like
from sqnxt_base.errors import SqnxtError
from sqnxt_export.convert.to_tflite import to_tflite


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let the system refuse to write larger files, as it does where the disk is full or a quota is used up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_temporary_folder_that_takes_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = mobilenet_like()
    to_tflite(model, "float32")  # what is generated for its functions is there from now on
    with files_of_at_most(4096), pytest.raises(SqnxtError) as caught:
        to_tflite(model, "float32")
    assert str(caught.value) == (
        f"temporary folder {tmp_path}: cannot be written (File too large); free some space there, or let TMPDIR name a "
        "folder on another disk"
    )
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_passing_fault_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorflow.lite.python import lite

    save, calls = lite._save.save, []

    def fail_once(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise OSError(5, "Input/output error")
        return save(*arguments, **options)

    model = mobilenet_like()
    before = to_tflite(model, "float32")
    monkeypatch.setattr(lite._save, "save", fail_once)
    assert len(to_tflite(model, "float32")) == len(before)
    assert len(calls) == 2  # the converter's, twice; ours goes by another name
