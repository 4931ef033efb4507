"""The format of an artifact follows the name of the file to write."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from sqnxt_tf.cli.export import _format_of


@pytest.mark.parametrize(("name", "format"), [("a.onnx", "onnx"), ("b/c.TFLITE", "tflite")])
def test_the_name_tells_the_format(name: str, format: str) -> None:
    assert _format_of(Path(name)) == (format,)


@pytest.mark.parametrize("output", [None, Path("folder"), Path("a.keras"), Path("a.onnx.md")])
def test_a_name_that_tells_none_asks_for_one(output: Path | None) -> None:
    with pytest.raises(click.UsageError, match="give --format tflite or onnx"):
        _format_of(output)
