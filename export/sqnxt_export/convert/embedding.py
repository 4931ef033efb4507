"""Preprocessing inside a finished artifact of any precision, so that it takes the pixels of an image as they are."""

from __future__ import annotations

from pathlib import Path

from ..artifact.files import format_of
from ..artifact.onnx_file import read_onnx, save_onnx
from ..artifact.preprocessing import Preprocessing


def embed_preprocessing(path: Path, preprocessing: Preprocessing) -> None:
    """Let the artifact at `path` take uint8 images [batch, height, width, channels] and do the arithmetic itself.

    What is quantised stays so: the operators in front of it compute in float32, and what was quantised at the input is
    quantised behind them.

    Raises:
        ExportError: The file cannot be read, or the new graph fails its check.
    """
    if format_of(path) == "onnx":
        from .onnx_preprocessing import with_preprocessing as in_onnx
        from .to_onnx import checked

        save_onnx(checked(in_onnx(read_onnx(path), preprocessing)), path)
    else:
        from .tflite_edit import with_preprocessing as in_tflite

        path.write_bytes(in_tflite(path.read_bytes(), preprocessing))
