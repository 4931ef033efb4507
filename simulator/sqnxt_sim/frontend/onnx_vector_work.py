"""Work of the operators that the array does not run on a vector unit: operations on single values, values moved."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from onnx import NodeProto

from sqnxt_sim.frontend.onnx_graph import OnnxGraph, attributes, integer, integers, text
from sqnxt_sim.frontend.onnx_operators import operator
from sqnxt_sim.frontend.onnx_weights import activation_bits
from sqnxt_sim.workload import VectorWork

_WINDOWS = frozenset({"AveragePool", "LpPool", "MaxPool", "NhwcMaxPool", "QLinearAveragePool"})
"""Operators with one operation for each value under the window, padding included, for each output."""

_PASSES = {
    **dict.fromkeys(("GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "QLinearGlobalAveragePool"), 1),
    **dict.fromkeys(("QLinearReduceMean", "ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin"), 1),
    **dict.fromkeys(("ArgMax", "ArgMin", "Hardmax", "ReduceProd", "ReduceSum", "ReduceSumSquare", "TopK"), 1),
    # smallest, largest, scale, round
    "DynamicQuantizeLinear": 4,
    # scale, shift
    "BatchNormalization": 2,
    # square, sum, divide
    "LpNormalization": 3,
    # square, sum, scale, gain
    **dict.fromkeys(("RMSNormalization", "SimplifiedLayerNormalization"), 4),
    # largest, subtract, exponential, sum, divide
    **dict.fromkeys(("LogSoftmax", "QLinearSoftmax", "Softmax"), 5),
    # sum, subtract, square, sum, scale
    "MeanVarianceNormalization": 5,
    # the same, then gain and bias
    **dict.fromkeys(("GroupNormalization", "InstanceNormalization", "LayerNormalization"), 7),
}
"""Operations for each input value."""

_MOVES = frozenset(
    {
        "Concat", "DepthToSpace", "Expand", "Gather", "GatherElements", "GatherND", "Pad", "QLinearConcat", "Slice",
        "SpaceToDepth", "Split", "Tile", "Transpose",
    }
)  # fmt: skip
"""Operators that move values and compute none."""

_PICKS = frozenset({"Gather", "GatherElements", "GatherND", "Slice"})
"""Operators that read no more of their data than they write."""

_TAPS = {"linear": 2, "bilinear": 2, "cubic": 4}
"""Number of values that one output is interpolated from, along each axis that changes."""


def vector_work(graph: OnnxGraph, node: NodeProto, constants: frozenset[str]) -> VectorWork | None:
    """Return the work of a node for the whole batch; None if a shape is not known.

    A tensor that is read twice counts once. An operator that is in no table here works element by element: with n
    activations it does n - 1 operations for each output, and with a single activation one.

    Example: a 3x3 MaxPool with 1000 outputs does 9000 operations, and an Add of two tensors of 1000 values 1000.
    """
    reads = list(dict.fromkeys(name for name in node.input if name and name not in constants))
    # Outputs that no node reads, such as Dropout's mask, have no shape in old graphs.
    writes = [name for name in node.output if name and (name == node.output[0] or name in graph.shapes)]
    if not reads or any(name not in graph.shapes for name in (*reads, *writes)):
        return None
    read, written = _values(graph, reads), _values(graph, writes)
    if operator(node) in _PICKS:
        read = min(read, written + _values(graph, reads[1:]))
    return VectorWork(
        operations=_operations(graph, node, constants),
        values_read=read,
        values_written=written,
        bits=activation_bits(graph, reads[0]),
    )


def _operations(graph: OnnxGraph, node: NodeProto, constants: frozenset[str]) -> int:
    op, first = operator(node), prod(graph.shapes[node.output[0]])
    data = next(name for name in node.input if name and name not in constants)
    if op in _MOVES:
        return 0
    if op in _WINDOWS:
        return first * prod(integers(attributes(node), "kernel_shape") or [1])
    if op in _PASSES:
        return _PASSES[op] * prod(graph.shapes[data])
    if op == "LRN":
        # square, sum over the neighbours, power, divide
        return (integer(attributes(node), "size", 1) + 3) * first
    if op in ("Resize", "Upsample"):
        sizes = zip(graph.shapes[data], graph.shapes[node.output[0]], strict=True)
        changed = sum(before != after for before, after in sizes)
        taps = _TAPS.get(text(attributes(node), "mode", "nearest"), 0)
        return first * taps**changed if taps else 0
    activations = sum(1 for name in node.input if name and name not in constants)
    return first * max(activations - 1, 1)


def _values(graph: OnnxGraph, names: Iterable[str]) -> int:
    return sum(prod(graph.shapes[name]) for name in names)
