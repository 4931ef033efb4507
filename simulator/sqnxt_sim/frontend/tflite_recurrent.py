"""Layers from recurrent operators of .tflite files, as `onnx_recurrent` makes them.

The product with the input covers all steps at once: the steps are the positions of a sequence that share the weights.
The product with the hidden state waits for the step before, so that every step is an image of its own. The gates
themselves are left out, like activation functions. An SVDF multiplies by its features, and then has one filter over
time for each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from sqnxt_sim.frontend.positions import Rows
from sqnxt_sim.frontend.products import Product, matrix_product
from sqnxt_sim.frontend.tflite_convolutions import activation_bits
from sqnxt_sim.frontend.tflite_graph import TfliteGraph
from sqnxt_sim.frontend.tflite_operators import BASIC_LSTM_INPUTS
from sqnxt_sim.frontend.tflite_parts import TfliteOperator
from sqnxt_sim.frontend.tflite_weights import weight_facts
from sqnxt_sim.frontend.weight_facts import WeightFacts, together
from sqnxt_sim.workload import ConvLayer

# Inputs of each direction: matrices of the input, of the hidden state, and of the projection of the state.
_LSTM = ((1, 2, 3, 4), (5, 6, 7, 8), (16,))
_REVERSE_LSTM = ((18, 19, 20, 21), (22, 23, 24, 25), (33,))
_MATRICES: dict[str, tuple[tuple[tuple[int, ...], ...], ...]] = {
    "BIDIRECTIONAL_SEQUENCE_LSTM": (_LSTM, _REVERSE_LSTM),
    "BIDIRECTIONAL_SEQUENCE_RNN": (((1,), (2,)), ((5,), (6,))),
    "LSTM": (_LSTM,),
    "RNN": (((1,), (2,)),),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (_LSTM,),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (((1,), (2,)),),
}
RECURRENT = frozenset({*_MATRICES, "SVDF"})
_PARTS = ("input", "hidden", "projection")
_DIRECTIONS = ("forward", "reverse")


def recurrent_layers(graph: TfliteGraph, node: TfliteOperator, name: str, op: str) -> list[ConvLayer]:
    """Return the products of a recurrent operator; none if the network computes its matrices.

    Raises:
        SimulatorError: The shapes do not fit each other.
        ValueError: The bytes of a matrix do not match its shape.
    """
    if node.op == "SVDF":
        return _svdf_layers(graph, node, name)
    data = graph.shape(graph.operand(node, 0))
    if len(data) not in (2, 3) or min(data) < 1:
        raise graph.mismatch(node, f"an input {list(data)}")
    if node.op == "LSTM" and len(node.inputs) == BASIC_LSTM_INPUTS:
        rows = Rows(batch=prod(data[:-1]), height=1, width=1)
        return _products(graph, node, (2,), rows, name=f"{name} input", op=op)
    steps = _steps(node, data)
    batch = prod(data[:-1]) // steps
    layers = []
    for direction, parts in zip(_DIRECTIONS, _MATRICES[node.op], strict=False):
        prefix = name if len(_MATRICES[node.op]) == 1 else f"{name} {direction}"
        for part, inputs in zip(_PARTS, parts, strict=False):
            is_input = part == "input"
            rows = Rows(batch=batch if is_input else steps, height=1, width=steps if is_input else batch)
            layers += _products(graph, node, inputs, rows, name=f"{prefix} {part}", op=op)
    return layers


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


def _products(
    graph: TfliteGraph, node: TfliteOperator, inputs: Sequence[int], rows: Rows, *, name: str, op: str
) -> list[ConvLayer]:
    """Return one layer for the matrices of all gates, which read the same values; none if they are left out."""
    tensors = [node.inputs[number] for number in inputs if number < len(node.inputs) and node.inputs[number] >= 0]
    if not tensors or not graph.constants.issuperset(tensors):
        return []
    shapes = [graph.shape(tensor) for tensor in tensors]
    if any(len(shape) != 2 or shape[1] != shapes[0][1] or min(shape) < 1 for shape in shapes):
        raise graph.mismatch(node, f"matrices {[list(shape) for shape in shapes]}")
    facts = together([weight_facts(graph, tensor) for tensor in tensors])
    product = Product(
        rows=rows,
        shared=shapes[0][1],
        columns=sum(shape[0] for shape in shapes),
        bits=activation_bits(graph, graph.operand(node, 0), tensors[0]),
    )
    return [matrix_product(product, facts, name=name, op=op)]


def _svdf_layers(graph: TfliteGraph, node: TfliteOperator, name: str) -> list[ConvLayer]:
    features, times = graph.operand(node, 1), graph.operand(node, 2)
    data, matrix, filters = (graph.shape(tensor) for tensor in (graph.operand(node, 0), features, times))
    if len(matrix) != 2 or len(filters) != 2 or matrix[0] != filters[0] or data[-1:] != matrix[1:]:
        raise graph.mismatch(node, f"an input {list(data)}, features {list(matrix)} and filters {list(filters)}")
    rows = Rows(batch=prod(data[:-1]), height=1, width=1)
    layers = _products(graph, node, (1,), rows, name=f"{name} input", op=node.op)
    if not layers or times not in graph.constants:
        return []
    of_times: WeightFacts = weight_facts(graph, times)
    over_time = ConvLayer(
        name=f"{name} hidden",
        op=node.op,
        in_channels=filters[0],
        out_channels=filters[0],
        groups=filters[0],
        in_height=1,
        in_width=filters[1],
        kernel_width=filters[1],
        batch=rows.batch,
        weight_bits=of_times.bits,
        activation_bits=layers[0].activation_bits,
        nonzero_weights=of_times.nonzero,
    )
    return [*layers, over_time]
