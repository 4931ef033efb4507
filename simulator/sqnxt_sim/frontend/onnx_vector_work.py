"""Work of the operators that the array does not run on a vector unit: operations on single values, values moved."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from onnx import NodeProto

from sqnxt_sim.frontend.onnx_graph import OnnxGraph, attributes, integer, integers, text
from sqnxt_sim.frontend.onnx_operators import operator
from sqnxt_sim.frontend.onnx_weights import activation_bits
from sqnxt_sim.frontend.vector_operations import PICKS, count_operations
from sqnxt_sim.workload import VectorWork

_POOLS = frozenset({"AveragePool", "LpPool", "MaxPool", "NhwcMaxPool", "QLinearAveragePool"})


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
    if operator(node) in PICKS:
        read = min(read, written + _values(graph, reads[1:]))
    return VectorWork(
        operations=_operations(graph, node, constants),
        values_read=read,
        values_written=written,
        bits=activation_bits(graph, reads[0]),
    )


def _operations(graph: OnnxGraph, node: NodeProto, constants: frozenset[str]) -> int:
    given, op = attributes(node), operator(node)
    data = [name for name in node.input if name and name not in constants]
    window = prod(integers(given, "kernel_shape") or [1]) if op in _POOLS else integer(given, "size", 1)
    return count_operations(
        op,
        graph.shapes[data[0]],
        graph.shapes[node.output[0]],
        activations=len(data),
        window=window,
        mode=text(given, "mode", "nearest"),
    )


def _values(graph: OnnxGraph, names: Iterable[str]) -> int:
    return sum(prod(graph.shapes[name]) for name in names)
