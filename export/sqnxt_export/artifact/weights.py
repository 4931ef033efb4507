"""The size of a file, and the number of its weights that are zero."""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path

import numpy as np

from sqnxt_base.user_files import naming
from sqnxt_export.artifact.files import existing_file, format_of
from sqnxt_export.artifact.frontend_errors import as_export_errors
from sqnxt_export.artifact.keras_file import read_weights as read_keras_weights
from sqnxt_export.errors import ExportError
from sqnxt_sim.frontend.model_files import read_weights, total_weights

# Arrays of two or more dimensions that are no kernels, by their path, whose groups are named after Keras' classes: the
# optimizer's state, slopes of PReLU, tables that are looked up, and biases of attention and of a GRU's two products.
_NO_KERNEL = re.compile(
    r"^/optimizer|/p_re_lu(_\d+)?/|/embedding(_\d+)?/|/_(query|key|value|output)_dense/vars/1$"
    r"|/gru(_\d+)?/cell/vars/2$|/gru_cell(_\d+)?/vars/2$"
)


def compressed_bytes(path: str | os.PathLike[str]) -> int:
    """Return the file's size once deflated, as in a zip archive, an Android package or a download."""
    deflate = zlib.compressobj(6)
    total = 0
    with naming(path), existing_file(path).open("rb") as file:
        while piece := file.read(1 << 20):
            total += len(deflate.compress(piece))
    return total + len(deflate.flush())


def nonzero_fraction(path: str | os.PathLike[str]) -> float:
    """Return the fraction of the weights of a file's convolutions, dense and recurrent layers that are not zero.

    Biases, slopes and scales are excluded. A tensor that two layers share counts once.

    Raises:
        ExportError: The file cannot be read, or holds no weights.
    """
    path = existing_file(path)
    if format_of(path) == "keras":
        weights, zeros = _keras_totals(path)
    else:
        with as_export_errors():
            weights, zeros = total_weights(read_weights(path))
    if not weights:
        raise ExportError(path, "no convolution or dense layer with constant weights", "give a network's file")
    return 1 - zeros / weights


def layer_zeros(path: str | os.PathLike[str]) -> dict[str, tuple[int, int]]:
    """Return layer -> (zero weights, all weights) of an artifact's convolutions, dense and recurrent layers, in order.

    Weights are read wherever the file keeps them: as float16, quantised, packed, sparse, or behind other operators.

    Raises:
        ExportError: The file is not an .onnx or .tflite file.
    """
    with as_export_errors():
        found = read_weights(existing_file(path))
    layers: dict[str, tuple[int, int]] = {}
    for operand in found:
        if operand.count is not None:
            zeros, weights = layers.get(operand.layer, (0, 0))
            layers[operand.layer] = zeros + (operand.zeros or 0), weights + operand.count
    return layers


def _keras_totals(path: Path) -> tuple[int, int]:
    """Return the number of weights and of zeros of kernels and matrices, as `read_weights` does for artifacts."""
    weights = zeros = 0
    for name, values in read_keras_weights(path):
        if values.ndim >= 2 and not _NO_KERNEL.search(f"/{name}"):
            weights += values.size
            zeros += values.size - int(np.count_nonzero(values))
    return weights, zeros
