"""Artifacts that are made without TensorFlow, and whose answers follow from the image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.onnx_graphs import QUADRANTS, write_quadrants
from sqnxt_export import Metadata, Preprocessing, write_metadata


@pytest.fixture
def quadrants(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the network of quadrants, with metadata unless `bare`."""

    def write(name: str = "quadrants.onnx", *, bare: bool = False, pixels: bool = False) -> Path:
        path = write_quadrants(tmp_path / name, pixels=pixels)
        if not bare:
            plain = Preprocessing.plain(4, channels=1)
            plain = plain.raw() if pixels else plain
            write_metadata(path, Metadata(network="quadrants", labels=QUADRANTS, preprocessing=plain))
        return path

    return write
