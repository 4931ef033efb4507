"""The layout of a file's image, channels first or last, as the operators that read it tell.

A convolution of ONNX wants channels first, one of TensorFlow Lite channels last. What a converter puts before it, a
transpose, tells the layout of the input. Shapes are never asked: an image of 3x3 pixels may have 32 channels.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sqnxt_export.artifact.flatbuffer import FlatBuffer

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
# Operators of schema.fbs by their number
_TFLITE_SPATIAL = (1, 3, 4, 5, 13, 17, 23, 26, 38, 67, 97)
"""Pools, convolutions, depth to space, local normalisation, resizing, space to depth and to batch."""
_TFLITE_POINTWISE = (0, 6, 18, 34, 41, 42, 53, 60, 100, 114)
"""ADD, DEQUANTIZE, MUL, PAD, SUB, DIV, CAST, PADV2, MIRROR_PAD, QUANTIZE."""
_TRANSPOSE = 39
_MOST_STEPS = 16
# Slots of schema.fbs
_MODEL_CODES, _MODEL_SUBGRAPHS, _MODEL_BUFFERS = 1, 2, 4
_SUBGRAPH_TENSORS, _SUBGRAPH_INPUTS, _SUBGRAPH_OPERATORS = 0, 1, 3
_OPERATOR_CODE, _OPERATOR_INPUTS, _OPERATOR_OUTPUTS = 0, 1, 2
_TENSOR_BUFFER, _BUFFER_DATA = 2, 0
_CODE_OLD, _CODE = 0, 3


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
    """Return the layout of the first input of a .tflite file, which was checked before; None if unknown."""
    try:
        return _tflite_layout(FlatBuffer(path.read_bytes()))
    except (struct.error, IndexError, ValueError):
        return None


def _layout_before(permutation: Sequence[int]) -> str | None:
    """Return the layout that a transpose with this permutation reads."""
    return {tuple(_TO_FIRST): LAST, tuple(_TO_LAST): FIRST}.get(tuple(permutation))


def _tflite_layout(model: FlatBuffer) -> str | None:
    codes = [
        max(model.scalar(code, _CODE_OLD, "<b"), model.scalar(code, _CODE, "<i"))
        for code in model.tables(model.root, _MODEL_CODES)
    ]
    graph = model.tables(model.root, _MODEL_SUBGRAPHS)[0]
    tensor = model.integers(graph, _SUBGRAPH_INPUTS)[0]
    operators = [
        (codes[model.scalar(table, _OPERATOR_CODE, "<I")], model.integers(table, _OPERATOR_INPUTS), table)
        for table in model.tables(graph, _SUBGRAPH_OPERATORS)
    ]
    for _ in range(_MOST_STEPS):
        readers = [operator for operator in operators if tensor in operator[1]]
        if any(code in _TFLITE_SPATIAL and inputs[0] == tensor for code, inputs, _ in readers):
            return LAST
        for code, inputs, _ in readers:
            if code == _TRANSPOSE:
                return _layout_before(_constant(model, graph, inputs[1]))
        behind = next((table for code, _, table in readers if code in _TFLITE_POINTWISE), None)
        if behind is None:
            return None
        tensor = model.integers(behind, _OPERATOR_OUTPUTS)[0]
    return None


def _constant(model: FlatBuffer, graph: int, tensor: int) -> tuple[int, ...]:
    """Return a constant vector of int32."""
    table = model.tables(graph, _SUBGRAPH_TENSORS)[tensor]
    buffer = model.tables(model.root, _MODEL_BUFFERS)[model.scalar(table, _TENSOR_BUFFER, "<I")]
    data = model.bytes(buffer, _BUFFER_DATA)
    return struct.unpack(f"<{len(data) // 4}i", data)
