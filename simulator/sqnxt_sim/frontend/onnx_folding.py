"""Constant folding of arithmetic on shapes, so that the shapes that depend on it are known.

PyTorch, for example, writes a padding as a dozen nodes on constants, and a reshape as nodes that split and join shapes.
onnx's own inference follows some of this, but without a limit on its memory. Only small tensors are computed here.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, numpy_helper

from sqnxt_sim.frontend.onnx_arithmetic import MAX_VALUES, compute
from sqnxt_sim.frontend.onnx_graph import attributes, integer, node_name
from sqnxt_sim.frontend.onnx_operators import ONNX_DOMAINS
from sqnxt_sim.frontend.onnx_values import of_constant


def fold_constants(graph: GraphProto, shapes: dict[str, tuple[int, ...]], opset: int) -> bool:
    """Replace nodes by initializers where their results are small and follow from constants and known shapes.

    Returns:
        True if any node was replaced, so that more shapes may be known now.

    Raises:
        ValueError: A node does not fit the values that it computes with.
    """
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    folded = []
    for place, node in enumerate(graph.node):
        values = _values(node, known, shapes, opset)
        if values is None:
            continue
        for name, value in zip(node.output, values, strict=True):
            if name:
                known[name] = value
                graph.initializer.append(
                    numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)
                )
        folded.append(place)
    for place in reversed(folded):
        del graph.node[place]
    return bool(folded)


def _values(
    node: NodeProto, known: dict[str, NDArray[Any]], shapes: dict[str, tuple[int, ...]], opset: int
) -> list[NDArray[Any]] | None:
    """Return the results of a node, or None if they cannot be computed here or may be large."""
    if node.domain not in ONNX_DOMAINS or not node.output:
        return None
    if node.op_type == "Constant":
        value = of_constant(node) if _is_small(node) else None
        return None if value is None or value.size > MAX_VALUES else [value]
    if node.op_type in ("Shape", "Size") and node.input[0] in shapes:
        return [_shape(node, shapes[node.input[0]])]
    if not node.input or not all(name in known for name in node.input if name):
        return None
    try:
        return compute(node, [known[name] if name else None for name in node.input], opset)
    except (ValueError, IndexError, TypeError, KeyError, OverflowError) as error:
        raise ValueError(f"node {node_name(node)!r}, a {node.op_type}: {error}") from error


def _shape(node: NodeProto, shape: tuple[int, ...]) -> NDArray[Any]:
    if node.op_type == "Size":
        return np.asarray(prod(shape), np.int64)
    given = attributes(node)
    return np.array(shape, np.int64)[integer(given, "start", 0) : integer(given, "end", len(shape))]


def _is_small(constant: NodeProto) -> bool:
    """Tell from the dimensions of a Constant whether it holds few values; lists among the attributes have no others."""
    dims = [list(given.t.dims) for given in constant.attribute if given.name == "value"]
    dims += [list(given.sparse_tensor.dims) for given in constant.attribute if given.name == "sparse_value"]
    return all(prod(sizes) <= MAX_VALUES for sizes in dims)
