"""Storage of a .tflite file's weights in float16, each widened by a DEQUANTIZE that XNNPACK folds at load time.

TensorFlow's own float16 mode rounds biases too. They take a thousandth of the file, and rounding them triples the
error: 5.0e-3 of the largest logit instead of 1.6e-3 on 1.0-SqNxt-23v5 trained on digits.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from sqnxt_export._libraries import require
from sqnxt_export.quantise.half import as_half


def with_half_weights(data: bytes) -> bytes:
    """Return the float32 .tflite file with the kernels of its convolutions and dense layers stored as float16.

    Raises:
        ExportError: A weight is beyond float16's range.
    """
    require("tensorflow", "to convert to TFLite")
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(data))
    graph = model.subgraphs[0]
    builtin = schema.BuiltinOperator
    weighted = (builtin.CONV_2D, builtin.DEPTHWISE_CONV_2D, builtin.FULLY_CONNECTED)
    codes = [code.builtinCode for code in model.operatorCodes]
    kernels = {int(node.inputs[1]) for node in graph.operators if codes[node.opcodeIndex] in weighted}
    widen = schema.OperatorCodeT()
    widen.builtinCode = widen.deprecatedBuiltinCode = builtin.DEQUANTIZE
    widen.version = 3  # the first version that reads float16
    model.operatorCodes.append(widen)
    nodes = [_halve(schema, model, index) for index in sorted(kernels)]
    graph.operators = [node for node in nodes if node is not None] + graph.operators
    _drop_unused_buffers(model)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


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
    stored = model.buffers[tensor.buffer].data
    if tensor.type != schema.TensorType.FLOAT32 or stored is None or not len(stored):
        return None
    values = as_half(np.frombuffer(bytes(stored), np.float32), tensor.name.decode())
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
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
