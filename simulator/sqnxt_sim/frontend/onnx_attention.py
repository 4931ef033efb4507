"""Layers from attention in one operator: products of queries and keys, and of their scores and the values.

Each head is a group. ONNX Runtime's Attention also projects its input to queries, keys and values, with weights. The
softmax between the products is left out, as it is where a graph writes attention as single operators.

Source: docs/ContribOperators.md of github.com/microsoft/onnxruntime, and ONNX's definition of Attention.
"""

from __future__ import annotations

from dataclasses import dataclass

from onnx import NodeProto

from sqnxt_sim.frontend.onnx_dense import product_layer
from sqnxt_sim.frontend.onnx_graph import OnnxGraph, attributes, integer, integers, known_shape, mismatch
from sqnxt_sim.frontend.onnx_operators import CONTRIB_DOMAIN, PROJECTED_ATTENTION, operator
from sqnxt_sim.frontend.onnx_weights import activation_bits, operand_facts
from sqnxt_sim.frontend.positions import Rows
from sqnxt_sim.frontend.products import Product
from sqnxt_sim.workload import ConvLayer

# Input number of the keys of earlier steps, whose last but one axis counts them.
_PAST = {"Attention": 4, "GroupQueryAttention": 3, "MultiHeadAttention": 6, "QAttention": 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heads:
    """Sizes of attention: `queries` and `keys` count positions, `width` and `values` channels of a head."""

    batch: int
    heads: int
    queries: int
    keys: int
    width: int
    values: int


def attention_layers(graph: OnnxGraph, node: NodeProto, constants: frozenset[str]) -> list[ConvLayer] | None:
    """Return the products of an attention node; None if its inputs are packed in a way that is not known here.

    Raises:
        SimulatorError: A shape is not known, or does not fit the others.
    """
    op = operator(node)
    if op in PROJECTED_ATTENTION and node.domain == CONTRIB_DOMAIN:
        return _projected(graph, node, constants)
    sizes = _packed(graph, node) if _missing(node, 1) else _separate(graph, node)
    return None if sizes is None else _products(graph, node, sizes)


def _projected(graph: OnnxGraph, node: NodeProto, constants: frozenset[str]) -> list[ConvLayer]:
    operands, given = PROJECTED_ATTENTION[operator(node)], attributes(node)
    data, weights = (known_shape(graph, node, node.input[place]) for place in (operands.data, operands.weights))
    hidden = integers(given, "qkv_hidden_sizes") or [weights[-1] // 3] * 3
    heads = integer(given, "num_heads", 0)
    if len(data) != 3 or data[2] != weights[0] or sum(hidden) != weights[-1] or heads < 1 or hidden[0] % heads:
        raise mismatch(graph, node, f"an input {list(data)}, weights {list(weights)} and {heads} heads")
    facts = operand_facts(graph, node, operands, constants)
    projection = Product(
        rows=Rows(batch=data[0], height=1, width=data[1]),
        shared=data[2],
        columns=weights[-1],
        bits=activation_bits(graph, node.input[operands.data]),
        weight_bits=facts.bits,
    )
    sizes = _Heads(
        batch=data[0],
        heads=heads,
        queries=data[1],
        keys=data[1] + _past(graph, node),
        width=hidden[0] // heads,
        values=hidden[2] // heads,
    )
    is_stored = node.input[operands.weights] in constants
    layer = product_layer(node, projection, facts if is_stored else None, "projection")
    return [layer, *_products(graph, node, sizes)]


def _separate(graph: OnnxGraph, node: NodeProto) -> _Heads | None:
    """Return the sizes where queries, keys and values are inputs of their own, of rank 3 or 4."""
    given = attributes(node)
    queries, keys, values = (known_shape(graph, node, name) for name in node.input[:3])
    heads = integer(given, "q_num_heads", integer(given, "num_heads", 0)) or (queries[1] if len(queries) == 4 else 0)
    stored = integer(given, "kv_num_heads", 0) or heads
    split = [_by_head(shape, count) for shape, count in ((queries, heads), (keys, stored), (values, stored))]
    if None in split:
        return None
    (_, rows, width), (_, columns, other), (_, _, out) = (one for one in split if one is not None)
    if width != other or not heads:
        raise mismatch(graph, node, f"queries {list(queries)} and keys {list(keys)} of {heads} heads")
    return _Heads(
        batch=queries[0], heads=heads, queries=rows, keys=columns + _past(graph, node), width=width, values=out
    )


def _packed(graph: OnnxGraph, node: NodeProto) -> _Heads | None:
    """Return the sizes where one input holds queries, keys and values: [batch, positions, heads, 3, channels]."""
    shape = known_shape(graph, node, node.input[0])
    if len(shape) != 5 or shape[3] != 3:
        return None
    keys = shape[1] + _past(graph, node)
    return _Heads(batch=shape[0], heads=shape[2], queries=shape[1], keys=keys, width=shape[4], values=shape[4])


def _by_head(shape: tuple[int, ...], heads: int) -> tuple[int, int, int] | None:
    """Return heads, positions and channels of a head of [batch, heads, positions, channels], or with joined heads."""
    if len(shape) == 4:
        return shape[1], shape[2], shape[3]
    return (heads, shape[1], shape[2] // heads) if len(shape) == 3 and heads and shape[2] % heads == 0 else None


def _past(graph: OnnxGraph, node: NodeProto) -> int:
    """Return the number of earlier positions whose keys are an input."""
    place = _PAST[operator(node)]
    return 0 if _missing(node, place) else known_shape(graph, node, node.input[place])[-2]


def _missing(node: NodeProto, place: int) -> bool:
    return place >= len(node.input) or not node.input[place]


def _products(graph: OnnxGraph, node: NodeProto, sizes: _Heads) -> list[ConvLayer]:
    """Return the product of queries and keys, and that of the scores and the values."""
    rows = Rows(batch=sizes.batch, height=1, width=sizes.queries)
    bits = activation_bits(graph, node.input[0])
    scores = Product(rows=rows, shared=sizes.width, columns=sizes.keys, groups=sizes.heads, bits=bits, weight_bits=bits)
    context = Product(
        rows=rows, shared=sizes.keys, columns=sizes.values, groups=sizes.heads, bits=bits, weight_bits=bits
    )
    return [product_layer(node, scores, None, "scores"), product_layer(node, context, None, "values")]
