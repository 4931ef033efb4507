"""Constant folding of arithmetic on shapes, so that the shapes that depend on it are known.

PyTorch, for example, writes a padding as a dozen nodes on constants, and a reshape as nodes that split and join shapes.
onnx's own inference follows some of this, but without a limit on its memory. Only small tensors are computed here, with
onnx's reference implementation of the operators listed below.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, numpy_helper

from sqnxt_sim.frontend.onnx_graph import attributes, integer
from sqnxt_sim.frontend.onnx_operators import ONNX_DOMAINS

# A shape has a handful of dimensions, and its pads are twice as many values.
_MAX_VALUES = 1024

_ARITHMETIC = frozenset(
    {
        "Abs", "Add", "Cast", "Ceil", "Concat", "ConstantOfShape", "Div", "Equal", "Expand", "Flatten", "Floor",
        "Gather", "Greater", "Identity", "Less", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Range", "ReduceMax",
        "ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "Size", "Slice", "Sqrt", "Squeeze", "Sub", "Transpose",
        "Unsqueeze", "Where",
    }
)  # fmt: skip


def fold_constants(graph: GraphProto, shapes: dict[str, tuple[int, ...]], opset: int) -> bool:
    """Replace nodes by initializers where their results are small and follow from constants and known shapes.

    Returns:
        True if any node was replaced, so that more shapes may be known now.
    """
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    folded = []
    for place, node in enumerate(graph.node):
        value = _value(node, known, shapes, opset)
        if value is not None and value.size <= _MAX_VALUES:
            known[node.output[0]] = value
            graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
            folded.append(place)
    for place in reversed(folded):
        del graph.node[place]
    return bool(folded)


def _value(
    node: NodeProto, known: dict[str, NDArray[Any]], shapes: dict[str, tuple[int, ...]], opset: int
) -> NDArray[Any] | None:
    """Return the result of a node, or None if it cannot be computed here or may be large."""
    if node.domain not in ONNX_DOMAINS or len(node.output) != 1:
        return None
    if node.op_type == "Constant":
        return _constant(node)
    if node.op_type == "Shape" and node.input[0] in shapes:
        shape = np.array(shapes[node.input[0]], np.int64)
        given = attributes(node)
        return shape[integer(given, "start", 0) : integer(given, "end", len(shape))]
    if node.op_type not in _ARITHMETIC or not all(name in known for name in node.input if name):
        return None
    inputs = {name: known[name] for name in node.input if name}
    return _computed(node, inputs, opset) if _is_small(node, list(inputs.values())) else None


def _constant(node: NodeProto) -> NDArray[Any] | None:
    """Return the value of a small Constant, whichever attribute holds it."""
    for given in node.attribute:
        if given.name == "value" and prod(given.t.dims) <= _MAX_VALUES:
            return numpy_helper.to_array(given.t)
        if given.name in ("value_float", "value_floats"):
            return np.array(given.floats if given.name[-1] == "s" else given.f, np.float32)
        if given.name in ("value_int", "value_ints"):
            return np.array(given.ints if given.name[-1] == "s" else given.i, np.int64)
    return None


def _is_small(node: NodeProto, inputs: list[NDArray[Any]]) -> bool:
    """Tell before the computation whether its result is small. Inputs are small, and few operators enlarge them."""
    if node.op_type in ("ConstantOfShape", "Expand"):
        sizes = [int(size) for size in inputs[-1].flat]
        return all(size >= 0 for size in sizes) and prod(sizes) <= _MAX_VALUES
    if node.op_type == "Range":
        start, stop, step = (float(value.flat[0]) for value in inputs)
        return step != 0 and abs(stop - start) / abs(step) <= _MAX_VALUES
    return True


def _computed(node: NodeProto, inputs: dict[str, NDArray[Any]], opset: int) -> NDArray[Any] | None:
    # The import is slow, and few graphs need it.
    from onnx.reference import ReferenceEvaluator

    try:
        with np.errstate(all="ignore"):
            (value,) = ReferenceEvaluator(node, opsets={"": opset}).run(None, inputs)
    except Exception:
        # A node that it cannot compute stays. If a shape is then unknown, the reader that needs it reports the error.
        return None
    return value if isinstance(value, np.ndarray) and value.size <= _MAX_VALUES else None
