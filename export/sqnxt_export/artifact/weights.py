"""The size of an artifact, and the number of its weights that are zero."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export.artifact.files import existing_file, format_of
from sqnxt_export.artifact.keras_file import read_weights
from sqnxt_export.artifact.onnx_file import read_onnx
from sqnxt_export.artifact.tflite_file import read_tflite
from sqnxt_export.errors import ExportError, one_line

_WEIGHT_TYPES = ("float32", "float16", "int8", "int16")
_WEIGHTED_OPS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_STORAGE_OPS = ("Cast", "DequantizeLinear")


def compressed_bytes(path: str | os.PathLike[str]) -> int:
    """Return the file's size once deflated, as in a zip archive, an Android package or a download."""
    deflate = zlib.compressobj(6)
    total = 0
    with existing_file(path).open("rb") as file:
        while piece := file.read(1 << 20):
            total += len(deflate.compress(piece))
    return total + len(deflate.flush())


def nonzero_fraction(path: str | os.PathLike[str]) -> float:
    """Return the fraction of the weights of an artifact's convolutions and dense layers that are not zero.

    Biases and scales are excluded.

    Raises:
        ExportError: The file cannot be read, or holds no weights.
    """
    path = existing_file(path)
    reader = {"keras": _keras_weights, "onnx": _onnx_weights, "tflite": _tflite_weights}[format_of(path)]
    zeros = total = 0
    for _, weights in reader(path):
        zeros += weights.size - int(np.count_nonzero(weights))
        total += weights.size
    if not total:
        raise ExportError(path, "no convolution or dense layer with constant weights", "give a network's file")
    return 1 - zeros / total


def layer_zeros(path: str | os.PathLike[str]) -> dict[str, tuple[int, int]]:
    """Return node name -> (zero weights, all weights) of an .onnx file's convolutions and dense layers, in graph order.

    Weights are found behind the Cast of a float16 file and the DequantizeLinear of a quantised file.

    Raises:
        ExportError: The file is not an ONNX file.
    """
    found = _onnx_weights(existing_file(path))
    return {name: (weights.size - int(np.count_nonzero(weights)), weights.size) for name, weights in found}


def _onnx_weights(path: Path) -> Iterator[tuple[str, NDArray[np.generic]]]:
    graph = read_onnx(path).graph
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    stored_as = {node.output[0]: node.input[0] for node in graph.node if node.op_type in _STORAGE_OPS and node.output}
    for node in graph.node:
        if node.op_type not in _WEIGHTED_OPS or len(node.input) < 2:
            continue
        name = node.input[1]
        if name not in initializers:
            name = stored_as.get(name, name)
        if name in initializers:
            yield node.name or node.output[0], _to_array(path, initializers[name])


def _to_array(path: Path, tensor: onnx.TensorProto) -> NDArray[np.generic]:
    try:
        return onnx.numpy_helper.to_array(tensor)
    except Exception as error:
        raise ExportError(
            path, f"weight {tensor.name[:80]!r} is damaged ({one_line(error)})", "export it again"
        ) from error


def _tflite_weights(path: Path) -> Iterator[tuple[str, NDArray[np.generic]]]:
    for tensor in read_tflite(path):
        if len(tensor.shape) >= 2 and tensor.type in _WEIGHT_TYPES and len(tensor.data):
            yield tensor.name, tensor.array()


def _keras_weights(path: Path) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Yield the arrays of two or more dimensions, that is, no biases or batch norm, and no state of the optimizer."""
    for name, weights in read_weights(path):
        if weights.ndim >= 2 and not name.startswith("optimizer"):
            yield name, weights
