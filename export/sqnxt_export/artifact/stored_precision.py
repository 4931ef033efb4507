"""The precision in which a file of any maker stores its weights, by the types of its constants."""

from __future__ import annotations

from pathlib import Path

import onnx

from sqnxt_export.artifact.files import format_of
from sqnxt_export.artifact.onnx_file import read_onnx
from sqnxt_export.artifact.tflite_file import read_tflite

_NARROW = ("int8", "uint8", "int4", "uint4", "int2", "uint2")


def stored_precision(path: Path) -> str:
    """Return "float32", "float16", "int16", "int16x8" or "int8": the narrowest type of the kernels.

    Raises:
        ExportError: The file cannot be read.
    """
    kind = format_of(path)
    if kind == "keras":
        return "float32"
    types = _onnx_types(path) if kind == "onnx" else _tflite_types(path)
    weights = {dtype for dtype, is_kernel in types if is_kernel}
    if weights & set(_NARROW):
        return "int16x8" if kind == "tflite" and any(dtype == "int16" for dtype, _ in types) else "int8"
    return next((wide for wide in ("int16", "float16") if wide in weights), "float32")


def _onnx_types(path: Path) -> list[tuple[str, bool]]:
    names = onnx.TensorProto.DataType
    graph = read_onnx(path).graph
    return [(names.Name(item.data_type).lower(), len(item.dims) > 1) for item in graph.initializer]


def _tflite_types(path: Path) -> list[tuple[str, bool]]:
    return [(item.kind.name, len(item.shape) > 1 and item.is_constant) for item in read_tflite(path).tensors]
