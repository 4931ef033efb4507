"""Integer inputs and outputs of a quantised ONNX graph, as microcontrollers and NPUs want them.

A uint8 input replaces the first QuantizeLinear. An int8 input is shifted by 128 and computes the same. Outputs get a
QuantizeLinear with the range that the calibration samples gave.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx

from sqnxt_export.quantise.graph_edit import GraphEdit
from sqnxt_export.quantise.integer_scales import IntegerScale, activation8

_TYPES = {"int8": onnx.TensorProto.INT8, "uint8": onnx.TensorProto.UINT8}
_SHIFT = 128
"""The difference between the zero points of int8 and uint8 for the same range."""


def with_integer_io(model: onnx.ModelProto, io: str, ranges: Mapping[str, tuple[float, float]]) -> onnx.ModelProto:
    """Return the graph with integer inputs and outputs of the same names.

    Args:
        model: An int8 graph whose inputs and outputs are float32.
        io: "int8" or "uint8".
        ranges: Name of each input and output -> the smallest and the largest value that calibration saw.
    """
    edit = GraphEdit(model)
    added = [_integer_input(edit, value, io, ranges[value.name]) for value in edit.graph.input]
    behind = [_integer_output(edit, value, io, ranges[value.name]) for value in edit.graph.output]
    return edit.finish([*added, *edit.graph.node, *behind])


def _integer_input(edit: GraphEdit, value: onnx.ValueInfoProto, io: str, found: tuple[float, float]) -> onnx.NodeProto:
    """Make an input an integer, and return the node that dequantises it for the graph."""
    name = value.name
    scale = _given_scale(edit, name) or _eight_bits(*found)
    dequantized = f"{name}/dequantized_input"
    for node in edit.graph.node:
        node.input[:] = [dequantized if tensor == name else tensor for tensor in node.input]
    if io == "uint8":
        _join_equal_pairs(edit, name, dequantized)
    value.type.tensor_type.elem_type = _TYPES[io]
    constants = _constants(edit, f"{name}/input", scale, io)
    return onnx.helper.make_node("DequantizeLinear", [name, *constants], [dequantized], f"{name}/dequantize_input")


def _integer_output(edit: GraphEdit, value: onnx.ValueInfoProto, io: str, found: tuple[float, float]) -> onnx.NodeProto:
    """Make an output an integer, and return the node that quantises it."""
    name, result = value.name, f"{value.name}/float"
    for node in edit.graph.node:
        node.input[:] = [result if tensor == name else tensor for tensor in node.input]
        node.output[:] = [result if tensor == name else tensor for tensor in node.output]
    value.type.tensor_type.elem_type = _TYPES[io]
    constants = _constants(edit, f"{name}/output", _eight_bits(*found), io)
    return onnx.helper.make_node("QuantizeLinear", [result, *constants], [name], f"{name}/quantize_output")


def _given_scale(edit: GraphEdit, tensor: str) -> IntegerScale | None:
    """Return the scale with which the graph quantises an input to 8 bits; None if it does not."""
    for node in edit.graph.node:
        if node.op_type == "QuantizeLinear" and node.input[0] == tensor:
            zero_point = edit.values(node.input[2])[()]
            if zero_point.dtype == np.uint8:
                return IntegerScale(float(edit.values(node.input[1])), zero_point)
    return None


def _join_equal_pairs(edit: GraphEdit, name: str, dequantized: str) -> None:
    """Remove the QuantizeLinear of the input, since the input itself holds its result now."""
    for node in list(edit.graph.node):
        if node.op_type == "QuantizeLinear" and node.input[0] == dequantized:
            if edit.values(node.input[2]).dtype != np.uint8:
                continue
            edit.graph.node.remove(node)
            for reader in edit.graph.node:
                reader.input[:] = [name if tensor == node.output[0] else tensor for tensor in reader.input]


def _eight_bits(low: float, high: float) -> IntegerScale:
    return activation8(min(low, 0.0), max(high, 0.0))


def _constants(edit: GraphEdit, name: str, scale: IntegerScale, io: str) -> list[str]:
    zero_point = int(scale.zero_point) - _SHIFT if io == "int8" else int(scale.zero_point)
    return [
        edit.add_constant(f"{name}_scale", np.float32(scale.scale)),
        edit.add_constant(f"{name}_zero_point", np.array(zero_point, io)),
    ]
