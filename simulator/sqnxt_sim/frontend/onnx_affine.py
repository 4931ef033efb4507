"""Scales and shifts by constants, and which of them merge into the layer before.

A scale or shift of each channel merges into the weights and the bias of the convolution or dense layer whose result it
reads, if nothing else reads that result. Behind a sum, a concatenation, an activation or a pooling there are no weights
to merge into: then it is work of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import prod
from typing import NamedTuple

from onnx import NodeProto

from sqnxt_sim.frontend.onnx_graph import OnnxGraph, attributes, integer, integers, nodes_with_branches
from sqnxt_sim.frontend.onnx_operators import (
    AFFINE,
    CONVOLUTIONS,
    DENSE,
    NORMALISATION,
    TRANSPOSED,
    VIEWS,
    WITH_BRANCHES,
    operator,
)
from sqnxt_sim.workload import ConvLayer

# Operators through which the result of a layer stays the same values, perhaps in another order.
_PASSING = VIEWS | {"Cast", "Transpose"}
_READ_THE_OUTER_GRAPH = WITH_BRANCHES | {""}


class _Result(NamedTuple):
    """The result of a layer: its channels, and the axis that they are on; None after a reshape."""

    channels: int
    axis: int | None


def merged_affines(
    graph: OnnxGraph, layers: Sequence[Sequence[ConvLayer]], constants: frozenset[str]
) -> frozenset[str]:
    """Return the first outputs of the scales and shifts that merge into the layer before them.

    Args:
        graph: The graph.
        layers: For each node, the layers that it becomes on the array; empty for other nodes.
        constants: Names of the constant tensors.
    """
    readers = _readers(graph)
    results: dict[str, _Result] = {}
    merged = set()
    for node, made in zip(graph.nodes, layers, strict=True):
        output = next(iter(node.output), "")
        if made:
            if (result := _of_layers(graph, node, made)) is not None:
                results[output] = result
            continue
        data = _data(node, constants)
        before = results.get(data) if readers[data] == 1 else None
        if before is None:
            continue
        if operator(node) in _PASSING:
            results[output] = _rearranged(node, before)
        elif is_affine(node, constants) and _fits(graph, node, before, constants):
            merged.add(output)
            results[output] = before
    return frozenset(merged)


def is_affine(node: NodeProto, constants: frozenset[str]) -> bool:
    """Tell whether a node scales or shifts its only activation by constants."""
    op = operator(node)
    if op == NORMALISATION:
        return True
    places = [place for place in AFFINE.get(op, ()) if place < len(node.input)]
    given = [node.input[place] in constants for place in places]
    # A constant divided by an activation is no scale of it.
    return any(given) and not (op == "Div" and given[0])


def _readers(graph: OnnxGraph) -> Counter[str]:
    """Return how many nodes read each tensor; being an output of the graph counts as a reader."""
    readers = Counter(graph.outputs)
    for node in graph.nodes:
        inner: Iterable[NodeProto] = (
            nodes_with_branches((node,)) if operator(node) in _READ_THE_OUTER_GRAPH else (node,)
        )
        readers.update({name for one in inner for name in one.input})
    return readers


def _data(node: NodeProto, constants: frozenset[str]) -> str:
    return next((name for name in node.input if name and name not in constants), "")


def _of_layers(graph: OnnxGraph, node: NodeProto, made: Sequence[ConvLayer]) -> _Result | None:
    """Return the result of a layer; None for operators that do more than a product, such as an LSTM."""
    op, rank = operator(node), len(graph.shapes.get(node.output[0], ()))
    channels = made[0].out_channels
    if op in CONVOLUTIONS or op in TRANSPOSED:
        last = op.startswith("Nhwc") or integer(attributes(node), "channels_last", 0) == 1
        return _Result(channels, rank - 1 if last else 1)
    if op in DENSE and rank:
        # Each of several independent products has channels of its own; only one scale for all of them merges.
        return _Result(channels if made[0].groups == 1 else 1, rank - 1)
    return None


def _rearranged(node: NodeProto, before: _Result) -> _Result:
    if operator(node) == "Transpose" and before.axis is not None:
        perm = integers(attributes(node), "perm")
        return before._replace(axis=None if perm is None else perm.index(before.axis))
    return before if operator(node) in ("Cast", "Dropout", "Identity") else before._replace(axis=None)


def _fits(graph: OnnxGraph, node: NodeProto, before: _Result, constants: frozenset[str]) -> bool:
    """Tell whether there is one scale or shift for all values, or one for each channel of the layer."""
    if operator(node) == NORMALISATION:
        return before.axis in (None, 1)
    rank = len(graph.shapes.get(node.output[0], ()))
    for name in (node.input[place] for place in AFFINE[operator(node)] if node.input[place] in constants):
        shape = graph.shapes.get(name)
        if shape is None or prod(shape) not in (1, before.channels):
            return False
        aligned = (1,) * (rank - len(shape)) + shape
        if before.axis is not None and prod(shape) != 1 and aligned[before.axis] != before.channels:
            return False
    return True
