"""Facts about the weights of each node: how many, at how many bits, and how many of them are zero."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np
from onnx import ModelProto, NodeProto

from sqnxt_sim.frontend.onnx_constants import constant_names, graph_without_shapes
from sqnxt_sim.frontend.onnx_graph import MAX_CHAIN, OnnxGraph, attributes, integer, node_name
from sqnxt_sim.frontend.onnx_operators import PASS_ACTIVATIONS, SWAPPED, Operands, operator, weight_operands
from sqnxt_sim.frontend.onnx_packed import packed_bits, packed_mask, packed_sizes
from sqnxt_sim.frontend.onnx_values import rearranged, trace
from sqnxt_sim.frontend.onnx_zeros import integer_mask, quantised_bits, tensor_bits, weight_mask
from sqnxt_sim.frontend.weight_facts import LayerWeights, WeightFacts

_STORED_IN_FIRST = frozenset({"Clip", "DequantizeLinear", "QuantizeLinear"})


def layer_weights(model: ModelProto, name: str) -> tuple[LayerWeights, ...]:
    """Return the weights of every convolution, matrix product and recurrent operator of a model, in graph order.

    No shape of an activation is needed, so a graph with free dimensions is read too. A tensor that two nodes share is
    listed for both. The branches of an If and the bodies of loops are left out, as in `read_onnx`.

    Args:
        model: A model without functions, whose external data is read.
        name: The name that errors give to it.

    Raises:
        SimulatorError: Values do not match the shape that the file declares.
    """
    graph = graph_without_shapes(model, name)
    constants = constant_names(graph)
    return tuple(
        _layer_weights(graph, node, operands, constants)
        for node in graph.nodes
        for operands in constant_operands(node, constants)
    )


def constant_operands(node: NodeProto, constants: frozenset[str]) -> Iterator[Operands]:
    """Yield the operands of a node that hold constant weights; of a matrix product it may be the first matrix."""
    for operands in weight_operands(node):
        if _is_constant(node, operands, constants):
            yield operands
        elif (swapped := SWAPPED.get(operator(node))) and _is_constant(node, swapped, constants):
            yield swapped


def operand_facts(graph: OnnxGraph, node: NodeProto, operands: Operands, constants: frozenset[str]) -> WeightFacts:
    """Return bits and zeros of an operator's weights; weights that the network computes count as dense activations.

    Raises:
        SimulatorError: The values do not match the shape that the file declares.
    """
    name = node.input[operands.weights]
    if name not in constants:
        return WeightFacts(bits=activation_bits(graph, name))
    if operator(node) == "MatMulNBits":
        return WeightFacts(bits=packed_bits(node), mask=packed_mask(graph, node))
    if tensor_bits(graph, name) is None:
        return _weight_facts(graph, name)
    given = operands.zero_point is not None and operands.zero_point < len(node.input)
    zero_point = node.input[operands.zero_point] if given and operands.zero_point is not None else ""
    mask = integer_mask(graph, name, zero_point, axis=_channel_axis(node, operands))
    return WeightFacts(bits=quantised_bits(graph, name), mask=mask)


def activation_bits(graph: OnnxGraph, name: str) -> int | None:
    """Return the integer width of the activations in tensor `name`, or None if they are floating point."""
    node = graph.producers.get(name)
    for _ in range(MAX_CHAIN):
        if node is None or operator(node) not in PASS_ACTIVATIONS:
            break
        name = node.input[0]
        node = graph.producers.get(name)
    if node is not None and operator(node) == "DequantizeLinear":
        name = node.input[0]
    return quantised_bits(graph, name)


def _weight_facts(graph: OnnxGraph, name: str) -> WeightFacts:
    """Return bits and zeros of the constant floats `name`, traced back to where their values are stored."""
    source, _ = trace(graph, name)
    node = graph.producers.get(source)
    if node is not None and operator(node) == "DequantizeLinear":
        source = node.input[0]
    return WeightFacts(bits=quantised_bits(graph, source), mask=weight_mask(graph, name))


def _layer_weights(graph: OnnxGraph, node: NodeProto, operands: Operands, constants: frozenset[str]) -> LayerWeights:
    name = node.input[operands.weights]
    facts = operand_facts(graph, node, operands, constants)
    tensor, shape = _stored(graph, name)
    if operator(node) == "MatMulNBits":
        shape = packed_sizes(node)
    elif facts.mask is not None:
        shape = facts.mask.shape
    return LayerWeights(
        layer=node_name(node),
        op=node.op_type,
        operand=operands.weights,
        tensor=tensor,
        shape=shape,
        bits=facts.bits,
        nonzero=facts.nonzero,
    )


def _stored(graph: OnnxGraph, name: str) -> tuple[str, tuple[int, ...] | None]:
    """Return the name of the tensor that stores `name`, quantised or not, and the shape of `name` if that tells it."""
    source, steps = trace(graph, name)
    while (node := graph.producers.get(source)) is not None and operator(node) in _STORED_IN_FIRST:
        source, before = trace(graph, node.input[0])
        steps = [*before, *steps]
    if source in graph.initializers:
        dims = graph.initializers[source].dims
    elif source in graph.sparse_initializers:
        dims = graph.sparse_initializers[source].dims
    else:
        return source, None
    if any(size < 0 for size in dims) or prod(dims) >= 2**56:
        return source, None
    # The array takes no memory: it repeats one value.
    placed = rearranged(graph, np.broadcast_to(np.zeros((), np.bool_), tuple(dims)), steps)
    return source, None if placed is None else placed.shape


def _is_constant(node: NodeProto, operands: Operands, constants: frozenset[str]) -> bool:
    return operands.weights < len(node.input) and node.input[operands.weights] in constants


def _channel_axis(node: NodeProto, operands: Operands) -> int:
    """Return the axis of the output channels in the weights, which a transposed matrix swaps with the other one."""
    flag = "transB" if operands.data < operands.weights else "transA"
    swapped = operands.axis < 0 and integer(attributes(node), flag, 0) != 0
    return -3 - operands.axis if swapped else operands.axis
