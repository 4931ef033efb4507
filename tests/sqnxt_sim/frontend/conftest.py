"""Shared by the tests of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.tflite_graphs import TfliteMaker
from helpers.tflite_layers import Read
from sqnxt_sim import Workload, read_tflite


@pytest.fixture
def read_made(tmp_path: Path) -> Read:
    """Return a function that writes a made file and reads it."""

    def write_and_read(make: TfliteMaker, **sizes: Any) -> Workload:
        path = tmp_path / "made.tflite"
        path.write_bytes(make.to_bytes())
        return read_tflite(path, **sizes)

    return write_and_read
