"""Reading and writing .onnx files with the onnx package alone."""

from __future__ import annotations

from pathlib import Path

import onnx

from ..errors import ExportError, one_line

_MAX_BYTES = 2 << 30
"""Protobuf's own limit."""


def read_onnx(path: Path) -> onnx.ModelProto:
    """The model, all of it inside this one file.

    Raises:
        ExportError: Not an ONNX file, no nodes, or weights kept in other files.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise ExportError(f"{path}: larger than 2 GiB, which no ONNX file can be; give another file")
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(path.read_bytes())
    except Exception as error:  # protobuf's DecodeError differs between its implementations
        raise ExportError(f"{path}: not an ONNX file or cut short ({one_line(error)}); export it again") from error
    if not model.graph.node or not model.opset_import:
        raise ExportError(f"{path}: not an ONNX file (no graph inside); export it again")
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise ExportError(f"{path}: weight {tensor.name[:80]!r} lies in another file; save the model as one file")
    return model


def save_onnx(model: onnx.ModelProto, path: Path) -> None:
    """Write the model.

    Raises:
        ExportError: It is larger than ONNX allows. A full disk raises the OSError that `whole_file` explains.
    """
    try:
        data = model.SerializeToString()
    except Exception as error:
        raise ExportError(f"{path}: too large for one ONNX file ({one_line(error)}); use a smaller network") from error
    path.write_bytes(data)
