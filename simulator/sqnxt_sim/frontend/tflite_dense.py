"""Layers from dense layers and matrix products of .tflite files (see `products`)."""

from __future__ import annotations

from math import prod

import numpy as np

from sqnxt_sim.frontend.positions import Origin
from sqnxt_sim.frontend.products import Product, Shape, matrix_product, product_groups, product_rows
from sqnxt_sim.frontend.tflite_convolutions import activation_bits
from sqnxt_sim.frontend.tflite_graph import TfliteGraph
from sqnxt_sim.frontend.tflite_parts import TfliteOperator
from sqnxt_sim.frontend.tflite_positions import Origins
from sqnxt_sim.frontend.tflite_weights import weight_facts, weight_operands
from sqnxt_sim.workload import ConvLayer

_ADJOINT_X, _ADJOINT_Y = 0, 1


def dense_layer(graph: TfliteGraph, node: TfliteOperator, name: str, origins: Origins) -> ConvLayer:
    """Return the layer of a FULLY_CONNECTED, which reads its input as rows of as many values as it has inputs.

    Raises:
        SimulatorError: The shapes do not fit each other.
        ValueError: The bytes of the weights do not match their shape.
    """
    data, weights = graph.operand(node, 0), graph.operand(node, 1)
    shape, matrix = graph.shape(data), graph.shape(weights)
    if len(matrix) != 2 or min(*matrix, prod(shape)) < 1 or prod(shape) % matrix[1]:
        raise graph.mismatch(node, f"an input {list(shape)} and weights {list(matrix)}")
    rows = shape if shape[-1] == matrix[1] and len(shape) > 1 else (prod(shape) // matrix[1], matrix[1])
    if prod(graph.shape(graph.result(node))) != prod(rows[:-1]) * matrix[0]:
        raise graph.mismatch(node, f"an output of {list(graph.shape(graph.result(node)))}")
    return _layer(graph, node, name, "Gemm", (rows, _transposed(matrix)), (data, weights), origins)


def matmul_layer(graph: TfliteGraph, node: TfliteOperator, name: str, origins: Origins) -> ConvLayer | None:
    """Return the layer of a BATCH_MATMUL; None for operands that are no matrices.

    Raises:
        SimulatorError: The shapes do not fit each other.
        ValueError: The bytes of the weights do not match their shape.
    """
    left, right = graph.operand(node, 0), graph.operand(node, 1)
    first, second = graph.shape(left), graph.shape(right)
    if min(len(first), len(second)) < 2 or min(*first, *second) < 1:
        return None
    first = _transposed(first) if node.choice(_ADJOINT_X) else first
    second = _transposed(second) if node.choice(_ADJOINT_Y) else second
    if first[-1] != second[-2]:
        raise graph.mismatch(node, f"{first[-1]} columns and {second[-2]} rows")
    _check_batches(graph, node, first, second)
    if next(weight_operands(graph, node), 1) == 0:
        # The weights come first: W x has the same products as the transposed matrices the other way round.
        first, second, left, right = _transposed(second), _transposed(first), right, left
    return _layer(graph, node, name, "MatMul", (first, second), (left, right), origins)


def _layer(
    graph: TfliteGraph,
    node: TfliteOperator,
    name: str,
    op: str,
    matrices: tuple[Shape, Shape],
    tensors: tuple[int, int],
    origins: Origins,
) -> ConvLayer:
    """Return the layer of a product: shapes of the two matrices as it reads them, and their tensors."""
    (first, second), (data, weights) = matrices, tensors
    is_computed = weights not in graph.constants
    origin = origins.get(data, Origin())
    groups = product_groups(second, origin, computed=is_computed)
    product = Product(
        rows=product_rows(first, second, groups, origin),
        shared=first[-1],
        columns=second[-1],
        groups=groups,
        bits=activation_bits(graph, data, weights),
        weight_bits=graph.bits(weights),
    )
    return matrix_product(product, None if is_computed else weight_facts(graph, weights), name=name, op=op)


def _check_batches(graph: TfliteGraph, node: TfliteOperator, first: Shape, second: Shape) -> None:
    try:
        np.broadcast_shapes(first[:-2], second[:-2])
    except ValueError:
        raise graph.mismatch(node, f"matrices {list(first)} and {list(second)}") from None


def _transposed(shape: Shape) -> Shape:
    return (*shape[:-2], shape[-1], shape[-2])
