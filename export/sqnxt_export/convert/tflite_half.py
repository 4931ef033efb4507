"""Storage of a .tflite file's weights in float16, each widened by a DEQUANTIZE that XNNPACK folds at load time.

A layer has its kernel and its bias in float16, or both in float32. LiteRT 1.1.2 to 1.3.0 read the bias of a float16
kernel as float16 whatever it is, and give NaN in silence.

TensorFlow's own float16 mode rounds every kernel and bias. The rounding of small kernels and of their biases makes most
of its error and saves next to nothing, so the smallest kernels stay float32 here: on MobileNet trained on digits the
largest difference is 5.2e-4 of the largest logit instead of 5.8e-3, in a file that is 0.9 % larger.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export._libraries import require
from sqnxt_export.quantise.half import as_half

_KEPT = 0.01
"""Fraction of the weights that may stay float32, in the layers with the smallest kernels."""


def with_half_weights(data: bytes) -> bytes:
    """Return the float32 .tflite file with its convolutions and dense layers stored as float16, save the smallest.

    Raises:
        ExportError: A weight is beyond float16's range.
    """
    require("tensorflow", "to convert to TFLite")
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(data))
    graph = model.subgraphs[0]
    builtin = schema.BuiltinOperator
    widen = schema.OperatorCodeT()
    widen.builtinCode = widen.deprecatedBuiltinCode = builtin.DEQUANTIZE
    widen.version = 3  # the first version that reads float16
    model.operatorCodes.append(widen)
    nodes = [_halve(schema, model, index) for index in sorted(_halved_tensors(schema, model))]
    graph.operators = [node for node in nodes if node is not None] + graph.operators
    _drop_unused_buffers(model)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _halved_tensors(schema: Any, model: Any) -> set[int]:
    """Return the kernels and biases of all layers but the smallest, whose kernels hold `_KEPT` of the weights."""
    layers = _layers(schema, model)
    sizes = {layer[0]: len(_floats(schema, model, layer[0])) for layer in layers}
    left, halved = _KEPT * sum(sizes.values()), set[int]()
    for kernel in sorted(sizes, key=sizes.__getitem__):
        left -= sizes[kernel]
        if left < 0:
            halved |= {index for layer in layers if layer[0] == kernel for index in layer}
    while mixed := [layer for layer in layers if halved & set(layer) and not set(layer) <= halved]:
        halved |= {index for layer in mixed for index in layer}  # the converter lets layers share equal constants
    return halved


def _layers(schema: Any, model: Any) -> list[tuple[int, ...]]:
    """Return the constant kernel of each convolution and dense layer, and its bias if it has one."""
    builtin = schema.BuiltinOperator
    weighted = (builtin.CONV_2D, builtin.DEPTHWISE_CONV_2D, builtin.FULLY_CONNECTED)
    codes = [code.builtinCode for code in model.operatorCodes]
    nodes = [node for node in model.subgraphs[0].operators if codes[node.opcodeIndex] in weighted]
    layers = [tuple(int(index) for index in node.inputs[1:3] if index >= 0) for node in nodes]
    return [layer for layer in layers if len(_floats(schema, model, layer[0]))]


def _floats(schema: Any, model: Any, index: int) -> NDArray[np.float32]:
    """Return the values of a float32 constant; none of any other tensor."""
    tensor = model.subgraphs[0].tensors[index]
    stored = model.buffers[tensor.buffer].data
    if tensor.type != schema.TensorType.FLOAT32 or stored is None:
        return np.zeros(0, np.float32)
    return np.frombuffer(bytes(stored), np.float32)


def _drop_unused_buffers(model: Any) -> None:
    """Empty the float32 constants that no tensor uses any more; they stay in the list, which is read by index."""
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used |= {entry.buffer for entry in model.metadata or ()}
    for index, buffer in enumerate(model.buffers):
        if index not in used:
            buffer.data = None


def _halve(schema: Any, model: Any, index: int) -> Any:
    """Store a float32 constant as float16 and return the node that widens it; return None for any other tensor."""
    graph = model.subgraphs[0]
    tensor = graph.tensors[index]
    floats = _floats(schema, model, index)
    if not len(floats):
        return None
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(as_half(floats, tensor.name.decode()).tobytes(), np.uint8)
    model.buffers.append(buffer)
    half = copy.copy(tensor)
    half.name, half.type, half.buffer = tensor.name + b"/float16", schema.TensorType.FLOAT16, len(model.buffers) - 1
    graph.tensors.append(half)
    tensor.buffer = 0
    node = schema.OperatorT()
    node.opcodeIndex = len(model.operatorCodes) - 1
    node.inputs, node.outputs = np.array([len(graph.tensors) - 1], np.int32), np.array([index], np.int32)
    node.builtinOptionsType, node.builtinOptions = schema.BuiltinOptions.DequantizeOptions, schema.DequantizeOptionsT()
    return node
