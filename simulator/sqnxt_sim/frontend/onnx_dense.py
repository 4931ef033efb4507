"""Layers from matrix products; each is a 1x1 convolution, or several side by side as the groups of one.

Where one matrix holds weights, the rows of the other one are the positions of a map. Where the network computes both
(attention is the usual case), the second one takes the place of the weights: it moves at the width of activations and
has no zeros to skip. Products that are independent of each other, such as the heads of attention, are groups.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from onnx import NodeProto

from sqnxt_sim.frontend.onnx_graph import OnnxGraph, attributes, integer, known_shape, mismatch, node_name
from sqnxt_sim.frontend.onnx_operators import DENSE, operator
from sqnxt_sim.frontend.onnx_packed import packed_sizes
from sqnxt_sim.frontend.onnx_positions import Origin, Origins, Rows, rows_of, sequence
from sqnxt_sim.frontend.onnx_weights import WeightFacts, activation_bits, constant_operands, operand_facts
from sqnxt_sim.workload import ConvLayer

# The operator quantises its floats to this width before it multiplies them.
_DYNAMIC_BITS = {"DynamicQuantizeMatMul": 8}

_Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Matrices [rows, shared] times [shared, columns]; each of the groups has matrices of its own.

    `bits` is the width of the first matrices, and `weight_bits` that of the second ones; None stands for floats.
    """

    rows: Rows
    shared: int
    columns: int
    groups: int = 1
    bits: int | None = None
    weight_bits: int | None = None


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
    groups = _groups(second, origin, computed=facts is None)
    product = Product(
        rows=_rows(first, second, groups, origin),
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
    layer = ConvLayer(
        name=f"{node_name(node)} {part}".rstrip(),
        op=node.op_type,
        in_channels=product.groups * product.shared,
        out_channels=product.groups * product.columns,
        in_height=product.rows.height,
        in_width=product.rows.width,
        groups=product.groups,
        batch=product.rows.batch,
        weight_bits=product.weight_bits,
        activation_bits=product.bits,
        nonzero_weights=product.groups * product.shared * product.columns,
        computed_weights=True,
    )
    if facts is None:
        return layer
    return replace(layer, weight_bits=facts.bits, nonzero_weights=facts.nonzero, computed_weights=False)


def _matrix(graph: OnnxGraph, node: NodeProto, place: int) -> _Shape | None:
    """Return the shape of an operand as the product reads it; a vector is a row or a column. None for a scalar."""
    operands, given = DENSE[operator(node)], attributes(node)
    is_first = place == operands.data
    if operator(node) == "MatMulNBits" and not is_first:
        return packed_sizes(node)
    shape = known_shape(graph, node, node.input[place])
    if len(shape) < 2:
        return None if not shape else (1, *shape) if is_first else (*shape, 1)
    return _transposed(shape) if integer(given, "transA" if is_first else "transB", 0) else shape


def _transposed(shape: _Shape) -> _Shape:
    return (*shape[:-2], shape[-1], shape[-2])


def _groups(second: _Shape, origin: Origin, *, computed: bool) -> int:
    """Return the number of second matrices within one image; those of other images belong to the batch."""
    lead = second[:-2]
    is_batched = computed and lead and lead[0] > 1 and (len(lead) > 1 or lead[0] == origin.batch)
    return prod(lead[1:] if is_batched else lead)


def _rows(first: _Shape, second: _Shape, groups: int, origin: Origin) -> Rows:
    """Return the rows that share a second matrix, as a batch of maps."""
    if prod(second[:-2]) == 1:
        return rows_of(first, origin)
    products = prod(np.broadcast_shapes(first[:-2], second[:-2]))
    return replace(sequence(first[-2]), batch=products // groups)
