"""Layers from products with a constant matrix; each is a 1x1 convolution."""

from __future__ import annotations

from math import prod

from onnx import NodeProto

from sqnxt_sim.frontend.onnx_graph import OnnxGraph, attributes, integer, known_shape, mismatch, node_name
from sqnxt_sim.frontend.onnx_operators import DENSE
from sqnxt_sim.frontend.onnx_weights import activation_bits, operand_facts
from sqnxt_sim.workload import ConvLayer

# The operator quantises its floats to this width before it multiplies them.
_DYNAMIC_BITS = {"DynamicQuantizeMatMul": 8}


def dense_layer(graph: OnnxGraph, node: NodeProto, constants: frozenset[str]) -> ConvLayer | None:
    """Return the layer of a Gemm or MatMul in any of its forms; None if the second operand is not a constant matrix.

    The rows of an input [rows, channels] are a batch. In [..., rows, channels] the rows are a map of width `rows`,
    whose positions share the weights.

    Raises:
        SimulatorError: A shape is not known, or does not fit the others.
    """
    operands = DENSE[node.op_type]
    name = node.input[operands.data]
    data, weights = known_shape(graph, node, name), known_shape(graph, node, node.input[operands.weights])
    is_matrix = len(weights) >= 2 and prod(weights[:-2]) == 1
    if node.input[operands.weights] not in constants or not is_matrix or not data:
        return None
    given = attributes(node)
    if integer(given, "transA", 0):
        data = (*data[:-2], *data[-2:][::-1])
    transposed = integer(given, "transB", 0) != 0
    in_channels, out_channels = weights[:-3:-1] if transposed else weights[-2:]
    if data[-1] != in_channels:
        raise mismatch(graph, node, f"{data[-1]} columns and {in_channels} rows")
    facts = operand_facts(graph, node, operands, constants)
    return ConvLayer(
        name=node_name(node),
        op=node.op_type,
        in_channels=in_channels,
        out_channels=out_channels,
        in_height=1,
        in_width=data[-2] if len(data) > 2 else 1,
        batch=prod(data[:-2]) if len(data) > 2 else prod(data[:-1]),
        weight_bits=facts.bits,
        activation_bits=_DYNAMIC_BITS.get(node.op_type, activation_bits(graph, name)),
        nonzero_weights=facts.nonzero,
    )
