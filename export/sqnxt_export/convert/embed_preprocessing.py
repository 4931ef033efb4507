"""Preprocessing inside a finished artifact of any precision, so that the artifact takes raw pixels."""

from __future__ import annotations

from pathlib import Path

from sqnxt_export.artifact.files import format_of
from sqnxt_export.artifact.onnx_file import read_onnx, save_onnx, without_inferred_shapes
from sqnxt_export.artifact.preprocessing import Preprocessing


def embed_preprocessing(path: Path, preprocessing: Preprocessing) -> None:
    """Make the artifact at `path` take uint8 images [batch, height, width, channels] and do the arithmetic itself.

    The added operators compute in float32.
    In a quantised graph, the first quantisation now reads their output instead of the graph's input.

    Raises:
        ExportError: The file cannot be read, or the new graph fails its check.
    """
    if format_of(path) == "onnx":
        from sqnxt_export.convert.onnx_preprocessing import embed_in_onnx
        from sqnxt_export.convert.to_onnx import checked

        graph = checked(embed_in_onnx(read_onnx(path), preprocessing))
        save_onnx(without_inferred_shapes(graph), path)
    else:
        from sqnxt_export.convert.tflite_edit import embed_in_tflite

        path.write_bytes(embed_in_tflite(path.read_bytes(), preprocessing))
