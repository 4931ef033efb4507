"""Layers from matrix products in ONNX files (see `products`)."""

from __future__ import annotations

from onnx import NodeProto

from sqnxt_sim.frontend.onnx_graph import OnnxGraph, attributes, integer, known_shape, mismatch, node_name
from sqnxt_sim.frontend.onnx_operators import DENSE, operator
from sqnxt_sim.frontend.onnx_packed import packed_sizes
from sqnxt_sim.frontend.onnx_positions import Origins
from sqnxt_sim.frontend.onnx_weights import activation_bits, constant_operands, operand_facts
from sqnxt_sim.frontend.positions import Origin
from sqnxt_sim.frontend.products import Product, Shape, matrix_product, product_groups, product_rows
from sqnxt_sim.frontend.weight_facts import WeightFacts
from sqnxt_sim.workload import ConvLayer

# The operator quantises its floats to this width before it multiplies them.
_DYNAMIC_BITS = {"DynamicQuantizeMatMul": 8}


def dense_layer(graph: OnnxGraph, node: NodeProto, constants: frozenset[str], origins: Origins) -> ConvLayer | None:
    """Return the layer of a Gemm or MatMul in any of its forms; None if it multiplies by a scalar.

    Raises:
        SimulatorError: A shape is not known, or does not fit the others.
    """
    operands = DENSE[operator(node)]
    stored = next(constant_operands(node, constants), None)
    first, second = _matrix(graph, node, operands.data), _matrix(graph, node, operands.weights)
    if first is None or second is None:
        return None
    if first[-1] != second[-2]:
        raise mismatch(graph, node, f"{first[-1]} columns and {second[-2]} rows")
    if stored is not None and stored.data > stored.weights:
        # The weights come first: W x has the same products as the transposed matrices the other way round.
        first, second = _transposed(second), _transposed(first)
    facts = None if stored is None else operand_facts(graph, node, stored, constants)
    data = node.input[operands.data if stored is None else stored.data]
    origin = origins.get(data, Origin())
    groups = product_groups(second, origin, computed=facts is None)
    product = Product(
        rows=product_rows(first, second, groups, origin),
        shared=first[-1],
        columns=second[-1],
        groups=groups,
        bits=_DYNAMIC_BITS.get(node.op_type, activation_bits(graph, data)),
        weight_bits=activation_bits(graph, node.input[operands.weights]),
    )
    return product_layer(node, product, facts)


def product_layer(node: NodeProto, product: Product, facts: WeightFacts | None = None, part: str = "") -> ConvLayer:
    """Return a product as a grouped 1x1 convolution.

    Args:
        node: The node that computes it.
        product: Sizes and widths of the matrices.
        facts: Facts about the second matrices if they are weights; None if the network computes them.
        part: What the product is of the node, if the node becomes several layers.
    """
    return matrix_product(product, facts, name=f"{node_name(node)} {part}".rstrip(), op=node.op_type)


def _matrix(graph: OnnxGraph, node: NodeProto, place: int) -> Shape | None:
    """Return the shape of an operand as the product reads it; a vector is a row or a column. None for a scalar."""
    operands, given = DENSE[operator(node)], attributes(node)
    is_first = place == operands.data
    if operator(node) == "MatMulNBits" and not is_first:
        return packed_sizes(node)
    shape = known_shape(graph, node, node.input[place])
    if len(shape) < 2:
        return None if not shape else (1, *shape) if is_first else (*shape, 1)
    return _transposed(shape) if integer(given, "transA" if is_first else "transB", 0) else shape


def _transposed(shape: Shape) -> Shape:
    return (*shape[:-2], shape[-1], shape[-2])
