"""Layers from recurrent operators of .tflite files, which are products with constant matrices at every step.

The products with the input do not depend on each other: all steps are one map of 1 x steps pixels. Those with the
state come one after the other, and are costed like a batch. Gates, peepholes and activations are left out, like all
that works element by element. An SVDF is a product with its feature matrix, and one filter over time for each feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from sqnxt_sim.frontend.tflite_convolutions import activation_bits
from sqnxt_sim.frontend.tflite_graph import TfliteGraph
from sqnxt_sim.frontend.tflite_parts import TfliteOperator
from sqnxt_sim.frontend.tflite_weights import weight_facts
from sqnxt_sim.workload import ConvLayer

# Inputs of each direction: matrices of the input, of the state, and of the projection of the state.
_LSTM = ((1, 2, 3, 4), (5, 6, 7, 8), (16,))
_BACKWARD_LSTM = ((18, 19, 20, 21), (22, 23, 24, 25), (33,))
_MATRICES: dict[str, tuple[tuple[tuple[int, ...], ...], ...]] = {
    "BIDIRECTIONAL_SEQUENCE_LSTM": (_LSTM, _BACKWARD_LSTM),
    "BIDIRECTIONAL_SEQUENCE_RNN": (((1,), (2,)), ((5,), (6,))),
    "LSTM": (_LSTM,),
    "RNN": (((1,), (2,)),),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (_LSTM,),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (((1,), (2,)),),
}
RECURRENT = frozenset({*_MATRICES, "SVDF"})
_BASIC_LSTM_INPUTS = 5
"""A basic LSTM has one matrix for input and state together, its third input."""
_PARTS = ("input", "state", "projection")


def recurrent_layers(graph: TfliteGraph, node: TfliteOperator, name: str, op: str) -> list[ConvLayer] | None:
    """Return the layers of a recurrent operator; None if its matrices are not constant.

    Raises:
        SimulatorError: The shapes do not fit each other.
        ValueError: The bytes of a matrix do not match its shape.
    """
    if node.op == "SVDF":
        return _svdf_layers(graph, node, name)
    data = graph.shape(graph.operand(node, 0))
    if not data or min(data) < 1:
        raise graph.mismatch(node, f"an input {list(data)}")
    if node.op == "LSTM" and len(node.inputs) == _BASIC_LSTM_INPUTS:
        return _matrices(graph, node, name, op, (2,), steps=1, batch=prod(data[:-1]))
    steps = _steps(node, data)
    batch = prod(data[:-1]) // steps
    layers: list[ConvLayer] = []
    for number, direction in enumerate(_MATRICES[node.op]):
        prefix = f"{name} backward" if number else name
        for part, inputs in zip(_PARTS, direction, strict=False):
            # Only the input is known at all steps from the beginning.
            width, images = (steps, batch) if part == "input" else (1, batch * steps)
            found = _matrices(graph, node, f"{prefix} {part}", op, inputs, steps=width, batch=images)
            if found is None:
                return None
            layers += found
    return layers or None


def _steps(node: TfliteOperator, data: tuple[int, ...]) -> int:
    """Return the number of steps: the size of the time axis of [batch, time, values], or of [time, batch, values]."""
    if len(data) != 3 or node.op in ("LSTM", "RNN"):
        return 1
    if node.op == "UNIDIRECTIONAL_SEQUENCE_LSTM":
        is_time_major = node.choice(3) != 0
    elif node.op == "BIDIRECTIONAL_SEQUENCE_LSTM":
        is_time_major = node.choice(4, 1) != 0
    else:
        is_time_major = node.choice(0) != 0
    return data[0] if is_time_major else data[1]


def _matrices(
    graph: TfliteGraph, node: TfliteOperator, name: str, op: str, inputs: Sequence[int], *, steps: int, batch: int
) -> list[ConvLayer] | None:
    """Return one layer for the matrices of all gates, which read the same values; empty if there are none."""
    tensors = [node.inputs[number] for number in inputs if number < len(node.inputs) and node.inputs[number] >= 0]
    if not tensors:
        return []
    shapes = [graph.shape(tensor) for tensor in tensors]
    if any(tensor not in graph.constants for tensor in tensors):
        return None
    if any(len(shape) != 2 or shape[1] != shapes[0][1] or min(shape) < 1 for shape in shapes):
        raise graph.mismatch(node, f"matrices {[list(shape) for shape in shapes]}")
    facts = [weight_facts(graph, tensor) for tensor in tensors]
    counts = [fact.nonzero for fact in facts if fact.nonzero is not None]
    layer = ConvLayer(
        name=name,
        op=op,
        in_channels=shapes[0][1],
        out_channels=sum(shape[0] for shape in shapes),
        in_height=1,
        in_width=steps,
        batch=batch,
        weight_bits=facts[0].bits,
        activation_bits=activation_bits(graph, graph.operand(node, 0), tensors[0]),
        nonzero_weights=sum(counts) if len(counts) == len(facts) else None,
    )
    return [layer]


def _svdf_layers(graph: TfliteGraph, node: TfliteOperator, name: str) -> list[ConvLayer] | None:
    features, times = graph.operand(node, 1), graph.operand(node, 2)
    if not {features, times} <= graph.constants:
        return None
    data, matrix, filters = (graph.shape(tensor) for tensor in (graph.operand(node, 0), features, times))
    if len(matrix) != 2 or len(filters) != 2 or matrix[0] != filters[0] or data[-1:] != matrix[1:]:
        raise graph.mismatch(node, f"an input {list(data)}, features {list(matrix)} and filters {list(filters)}")
    of_features, of_times = weight_facts(graph, features), weight_facts(graph, times)
    bits = activation_bits(graph, graph.operand(node, 0), features)
    product = ConvLayer(
        name=f"{name} input",
        op="SVDF",
        in_channels=matrix[1],
        out_channels=matrix[0],
        in_height=1,
        in_width=1,
        batch=prod(data[:-1]),
        weight_bits=of_features.bits,
        activation_bits=bits,
        nonzero_weights=of_features.nonzero,
    )
    over_time = ConvLayer(
        name=f"{name} state",
        op="SVDF",
        in_channels=filters[0],
        out_channels=filters[0],
        groups=filters[0],
        in_height=1,
        in_width=filters[1],
        kernel_width=filters[1],
        batch=prod(data[:-1]),
        weight_bits=of_times.bits,
        activation_bits=bits,
        nonzero_weights=of_times.nonzero,
    )
    return [product, over_time]
