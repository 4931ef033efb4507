"""Float operators added before and behind the graph of a finished .tflite file of any precision."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export._libraries import require
from sqnxt_export.artifact.preprocessing import Preprocessing

_CAP = 6.0
"""The value at which RELU6 clips."""


def with_softmax(data: bytes) -> bytes:
    """Return the file with a float softmax behind its output, float32 [n, classes]."""
    edit = _Edit(data)
    logits = edit.graph.tensors[edit.graph.outputs[0]]
    logits.name, name = b"logits", logits.name
    result = edit.tensor(name, edit.schema.TensorType.FLOAT32, logits.shape)
    options = edit.schema.SoftmaxOptionsT()
    options.beta = 1.0
    node = edit.node("SOFTMAX", [edit.graph.outputs[0]], result, options)
    edit.graph.operators = [*edit.graph.operators, node]
    edit.rename_output(result)
    return edit.to_bytes()


def without_idle_caps(data: bytes) -> bytes:
    """Return the file with RELU in place of each fused RELU6 whose largest integer stands for at most six.

    The result computes the same. LiteRT refuses a RELU6 if six over the output's scale exceeds 32 bits, as it does in
    networks whose values vanish.
    """
    edit = _Edit(data)
    schema = edit.schema
    limits = {schema.TensorType.INT8: 127, schema.TensorType.INT16: 32767}
    for node in edit.graph.operators:
        output = edit.graph.tensors[node.outputs[0]]
        if getattr(node.builtinOptions, "fusedActivationFunction", 0) != schema.ActivationFunctionType.RELU6:
            continue
        if output.type in limits and output.quantization is not None:
            scale, zero_point = output.quantization.scale[0], output.quantization.zeroPoint[0]
            if (limits[output.type] - zero_point) * scale <= _CAP:
                node.builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.RELU
    return edit.to_bytes()


def embed_in_tflite(data: bytes, preprocessing: Preprocessing) -> bytes:
    """Return the file with a uint8 input of raw pixels, NHWC, and the operators CAST, SUB (mean) and DIV (scale)."""
    edit = _Edit(data)
    schema, target = edit.schema, int(edit.graph.inputs[0])
    image = edit.graph.tensors[target]
    name, image.name = image.name, b"input/preprocessed"
    pixels = edit.tensor(name, schema.TensorType.UINT8, image.shape)
    cast = schema.CastOptionsT()
    cast.inDataType, cast.outDataType = schema.TensorType.UINT8, schema.TensorType.FLOAT32
    steps: list[tuple[str, Any, list[int]]] = [("CAST", cast, [])]
    for operator, options, values, neutral in (
        ("SUB", schema.SubOptionsT(), preprocessing.mean, 0.0),
        ("DIV", schema.DivOptionsT(), preprocessing.scale, 1.0),
    ):
        if any(value != neutral for value in values):
            steps.append((operator, options, [edit.constant(operator, np.array(values, np.float32))]))
    nodes, tensor = [], pixels
    for number, (operator, options, constants) in enumerate(steps):
        last = number == len(steps) - 1
        label = f"input/{operator.lower()}".encode()
        result = target if last else edit.tensor(label, schema.TensorType.FLOAT32, image.shape)
        nodes.append(edit.node(operator, [tensor, *constants], result, options))
        tensor = result
    edit.graph.operators = [*nodes, *edit.graph.operators]
    edit.rename_input(pixels)
    return edit.to_bytes()


def in_signature_order(data: bytes, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """Return the file with inputs and outputs in the model's order, several of them with its names.

    TensorFlow's converter orders both as it likes. Its signature numbers them in the order of the traced function.
    """
    edit = _Edit(data)
    found = edit.model.signatureDefs[0]
    for names, entries, attribute in ((inputs, found.inputs, "inputs"), (outputs, found.outputs, "outputs")):
        ordered = sorted(entries, key=lambda entry: int(re.sub(rb"\D", b"", entry.name) or 0))
        indices = [int(entry.tensorIndex) for entry in ordered]
        setattr(edit.graph, attribute, np.array(indices, np.int32))
        if len(names) > 1 and len(set(indices)) == len(names):
            for index, name in zip(indices, names, strict=True):
                edit.graph.tensors[index].name = name.encode()
    return edit.to_bytes()


def has_loop(data: bytes) -> bool:
    """Tell whether a file holds a loop: TensorFlow's quantiser ends the process on one."""
    edit = _Edit(data)
    return any(code.builtinCode == edit.schema.BuiltinOperator.WHILE for code in edit.model.operatorCodes)


def keeps_state(data: bytes) -> bool:
    """Tell whether a file holds the LSTM operator, which keeps its state between calls."""
    edit = _Edit(data)
    return any(
        code.builtinCode == edit.schema.BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_LSTM
        for code in edit.model.operatorCodes
    )


class _Edit:
    """An editor of a .tflite file with one graph."""

    def __init__(self, data: bytes) -> None:
        require("tensorflow", "to convert to TFLite")
        from tensorflow.lite.python import schema_py_generated as schema
        from tensorflow.lite.tools import flatbuffer_utils

        self.schema: Any = schema
        self._tools = flatbuffer_utils
        self.model = flatbuffer_utils.convert_bytearray_to_object(bytearray(data))
        self.graph = self.model.subgraphs[0]

    def tensor(self, name: bytes, kind: int, shape: Any, buffer: int = 0) -> int:
        """Add a tensor and return its index."""
        tensor = self.schema.TensorT()
        tensor.name, tensor.type, tensor.shape, tensor.buffer = name, kind, np.array(shape, np.int32), buffer
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, name: str, values: NDArray[np.float32]) -> int:
        """Add a constant float32 tensor and return its index."""
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        label = f"input/{name.lower()}/value".encode()
        return self.tensor(label, self.schema.TensorType.FLOAT32, values.shape, len(self.model.buffers) - 1)

    def node(self, operator: str, inputs: list[int], output: int, options: Any) -> Any:
        """Make an operator with one output, which the caller inserts."""
        code = self.schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(self.schema.BuiltinOperator, operator)
        code.version = 1
        self.model.operatorCodes.append(code)
        node = self.schema.OperatorT()
        node.opcodeIndex = len(self.model.operatorCodes) - 1
        node.inputs, node.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        node.builtinOptionsType = getattr(self.schema.BuiltinOptions, type(options).__name__[:-1])
        node.builtinOptions = options
        return node

    def rename_input(self, index: int) -> None:
        """Make a tensor the graph's only input."""
        self.graph.inputs = np.array([index], np.int32)
        for signature in self.model.signatureDefs or ():
            signature.inputs[0].tensorIndex = index

    def rename_output(self, index: int) -> None:
        """Make a tensor the graph's only output."""
        self.graph.outputs = np.array([index], np.int32)
        for signature in self.model.signatureDefs or ():
            signature.outputs[0].tensorIndex = index

    def to_bytes(self) -> bytes:
        """Return the edited file."""
        return bytes(self._tools.convert_object_to_bytearray(self.model))
