"""The layout of a file's image, channels first or last, as the operators that read it tell.

A convolution of ONNX wants channels first, one of TensorFlow Lite channels last. What a converter puts before it, a
transpose, tells the layout of the input. Shapes are never asked: an image of 3x3 pixels may have 32 channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sqnxt_export.artifact.tflite_file import read_tflite

if TYPE_CHECKING:
    import onnx

FIRST, LAST = "NCHW", "NHWC"
_TO_FIRST, _TO_LAST = [0, 3, 1, 2], [0, 2, 3, 1]
_ONNX_SPATIAL = (
    "AveragePool", "BatchNormalization", "Conv", "ConvInteger", "ConvTranspose", "DepthToSpace", "FusedConv",
    "GlobalAveragePool", "GlobalMaxPool", "InstanceNormalization", "LRN", "LpPool", "MaxPool", "QLinearConv",
    "SpaceToDepth",
)  # fmt: skip
_ONNX_POINTWISE = (
    "Add", "Cast", "Clip", "DequantizeLinear", "Div", "Identity", "Mul", "Pad", "QuantizeLinear", "Relu", "Sub",
)  # fmt: skip
_TFLITE_SPATIAL = (
    "AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "LOCAL_RESPONSE_NORMALIZATION", "MAX_POOL_2D",
    "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "TRANSPOSE_CONV",
)  # fmt: skip
_TFLITE_POINTWISE = ("ADD", "CAST", "DEQUANTIZE", "DIV", "MIRROR_PAD", "MUL", "PAD", "PADV2", "QUANTIZE", "SUB")
_MOST_STEPS = 16


def onnx_input_layout(model: onnx.ModelProto, name: str) -> str | None:
    """Return the layout of an input of a graph; None if its readers do not tell."""
    for _ in range(_MOST_STEPS):
        readers = [node for node in model.graph.node if name in node.input]
        if any(node.op_type in _ONNX_SPATIAL and node.input[0] == name for node in readers):
            return FIRST
        for node in readers:
            if node.op_type == "Transpose":
                return _layout_before([value for item in node.attribute for value in item.ints])
        behind = next((node for node in readers if node.op_type in _ONNX_POINTWISE and node.output), None)
        if behind is None:
            return None
        name = behind.output[0]
    return None


def tflite_input_layout(path: Path) -> str | None:
    """Return the layout of the first input of a .tflite file; None if its readers do not tell.

    Raises:
        ExportError: The file cannot be read.
    """
    graph = read_tflite(path).subgraphs[0]
    tensor = graph.inputs[0] if graph.inputs else -1
    for _ in range(_MOST_STEPS):
        readers = [operator for operator in graph.operators if tensor in operator.inputs]
        if any(operator.op in _TFLITE_SPATIAL for operator in readers):
            return LAST
        for operator in readers:
            if operator.op == "TRANSPOSE":
                return _layout_before(np.frombuffer(graph.tensors[operator.inputs[1]].data, "<i4").tolist())
        behind = next((operator for operator in readers if operator.op in _TFLITE_POINTWISE), None)
        if behind is None:
            return None
        tensor = behind.outputs[0]
    return None


def _layout_before(permutation: Sequence[int]) -> str | None:
    """Return the layout that a transpose with this permutation reads."""
    return {tuple(_TO_FIRST): LAST, tuple(_TO_LAST): FIRST}.get(tuple(permutation))
