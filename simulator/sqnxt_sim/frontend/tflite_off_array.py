"""Why the array does not run an operator of a .tflite file, and what a vector unit would do for it."""

from __future__ import annotations

from sqnxt_sim.frontend.onnx_operators import OFF_ARRAY
from sqnxt_sim.frontend.reasons import CONSTANT, MERGES_NOT, NO_SHAPE
from sqnxt_sim.frontend.tflite_affine import is_affine
from sqnxt_sim.frontend.tflite_graph import TfliteGraph, given, values
from sqnxt_sim.frontend.tflite_operators import BRANCHES, ON_ARRAY, interpolation, onnx_name, window
from sqnxt_sim.frontend.tflite_parts import TfliteOperator
from sqnxt_sim.frontend.vector_operations import PICKS, count_operations
from sqnxt_sim.workload import OffArrayNode, OffArrayReason, VectorWork

_FUSED_BY_TWO = {"SQUARED_DIFFERENCE": 2}
"""Operations for each output of operators that are two of ONNX's."""


def off_array_node(graph: TfliteGraph, node: TfliteOperator, name: str, merged: str | None) -> OffArrayNode:
    """Return the entry of a node that is not a layer.

    Args:
        graph: The graph.
        node: The node.
        name: Its name.
        merged: Why it merges into a layer beside it; None if it does not.
    """
    op = onnx_name(graph, node)
    why, reason = _reason(graph, node, op)
    if merged is not None and why is not OffArrayReason.FOLDED:
        why, reason = OffArrayReason.FOLDED, merged
    work = _vector_work(graph, node, op) if why is OffArrayReason.NOT_COSTED else None
    return OffArrayNode(name=name, op=op, why=why, reason=reason, work=work)


def is_constant(graph: TfliteGraph, node: TfliteOperator) -> bool:
    """Tell whether all outputs of a node are constant; one without outputs does something else."""
    outputs = list(given(node.outputs))
    return bool(outputs) and all(tensor in graph.constants for tensor in outputs)


def has_free_shape(graph: TfliteGraph, node: TfliteOperator) -> bool:
    """Tell whether a size of what a node reads or writes is known only when the file runs."""
    return any(tensor in graph.free for tensor in (*node.inputs, *node.outputs))


def _reason(graph: TfliteGraph, node: TfliteOperator, op: str) -> tuple[OffArrayReason, str]:
    why, reason = OFF_ARRAY.get(op, (OffArrayReason.NO_MODEL, "no model of this operator"))
    if is_constant(graph, node):
        why, reason = OffArrayReason.FOLDED, CONSTANT
    elif node.is_custom:
        why, reason = OffArrayReason.NO_MODEL, "custom operator of the file's maker"
    elif node.op in BRANCHES:
        why, reason = OffArrayReason.NO_MODEL, "what it calls is another graph of the file, which is left out"
    elif has_free_shape(graph, node) and why is not OffArrayReason.FOLDED:
        why, reason = OffArrayReason.NO_MODEL, "its shapes are known only when the file runs"
    elif node.op in ON_ARRAY:
        reason = NO_SHAPE
    elif is_affine(graph, node):
        reason = MERGES_NOT
    return why, reason


def _vector_work(graph: TfliteGraph, node: TfliteOperator, op: str) -> VectorWork | None:
    """Return the work of a node for the whole batch; a tensor that is read twice counts once."""
    reads = [tensor for tensor in dict.fromkeys(given(node.inputs)) if tensor not in graph.constants]
    if not reads:
        return None
    read, written = values(graph, reads), values(graph, given(node.outputs))
    if op in PICKS:
        read = min(read, written + values(graph, reads[1:]))
    operations = count_operations(
        op,
        graph.shape(reads[0]),
        graph.shape(graph.result(node)),
        activations=sum(1 for tensor in given(node.inputs) if tensor not in graph.constants),
        window=window(node),
        mode=interpolation(node),
    )
    operations *= _FUSED_BY_TWO.get(node.op, 1)
    return VectorWork(operations=operations, values_read=read, values_written=written, bits=graph.bits(reads[0]))
