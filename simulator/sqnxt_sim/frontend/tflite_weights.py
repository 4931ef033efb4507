"""Bits and zeros of the weights of each operator of a .tflite file, traced to the tensors that store them."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from sqnxt_sim.frontend.tflite_graph import TfliteGraph
from sqnxt_sim.frontend.tflite_operators import BASIC_LSTM_INPUTS
from sqnxt_sim.frontend.tflite_parts import TfliteOperator
from sqnxt_sim.frontend.tflite_values import constant_values, nonzero_mask
from sqnxt_sim.frontend.weight_facts import Mask, WeightFacts

_LSTM = (*range(1, 9), 16)
WEIGHTS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("BATCH_MATMUL", "CONV_2D", "CONV_3D", "CONV_3D_TRANSPOSE", "DEPTHWISE_CONV_2D"), (1,)),
    **dict.fromkeys(("FULLY_CONNECTED", "TRANSPOSE_CONV"), (1,)),
    **dict.fromkeys(("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM"), _LSTM),
    "BIDIRECTIONAL_SEQUENCE_LSTM": (*_LSTM, *range(18, 26), 33),
    **dict.fromkeys(("RNN", "SVDF", "UNIDIRECTIONAL_SEQUENCE_RNN"), (1, 2)),
    "BIDIRECTIONAL_SEQUENCE_RNN": (1, 2, 5, 6),
}
"""Inputs that hold a kernel or a matrix, by operator. Peephole weights of an LSTM are vectors and are left out."""

_PASS = frozenset({"CAST", "DENSIFY", "DEQUANTIZE", "EXPAND_DIMS", "QUANTIZE", "RESHAPE", "SQUEEZE", "TRANSPOSE"})
"""Operators that pass every weight on, zero or not."""


def weight_operands(graph: TfliteGraph, node: TfliteOperator) -> Iterator[int]:
    """Yield the numbers of a node's inputs that hold constant weights; of a product it may be the first matrix."""
    numbers = WEIGHTS.get("" if node.is_custom else node.op, ())
    if node.op == "LSTM" and len(node.inputs) == BASIC_LSTM_INPUTS:
        numbers = (2,)
    for number in numbers:
        if number < len(node.inputs) and node.inputs[number] in graph.constants:
            yield number
        elif node.op == "BATCH_MATMUL" and node.inputs and node.inputs[0] in graph.constants:
            yield 0


def trace(graph: TfliteGraph, tensor: int) -> tuple[int, list[TfliteOperator]]:
    """Return the tensor that stores the values of a constant, and the nodes on the way from it, in order."""
    steps = []
    while (node := graph.producer(tensor)) is not None and node.op in _PASS and node.inputs and node.inputs[0] >= 0:
        steps.append(node)
        tensor = node.inputs[0]
    return tensor, steps[::-1]


def weight_facts(graph: TfliteGraph, tensor: int) -> WeightFacts:
    """Return bits and zeros of a tensor of weights, in its layout; those that the network computes count as dense.

    A float that a QUANTIZE narrows keeps its own zeros: those that rounding adds are not counted.

    Raises:
        ValueError: The bytes of the tensor do not match its shape.
    """
    if tensor not in graph.constants:
        return WeightFacts(bits=graph.bits(tensor))
    source, steps = trace(graph, tensor)
    bits = graph.bits(source)
    for step in steps:
        if step.op == "QUANTIZE":
            bits = graph.bits(step.outputs[0])
    mask = nonzero_mask(graph.tensors[source])
    return WeightFacts(bits=bits, mask=None if mask is None else _placed(graph, mask, tensor, steps))


def _placed(graph: TfliteGraph, mask: Mask, tensor: int, steps: list[TfliteOperator]) -> Mask | None:
    """Return a mask in the layout of `tensor`; None if a node on the way computes the order."""
    for step in steps:
        if step.op == "TRANSPOSE":
            order = constant_values(graph.tensors[graph.operand(step, 1)])
            if order is None or sorted(map(int, order.flat)) != list(range(mask.ndim)):
                return None
            mask = mask.transpose([int(axis) for axis in order.flat])
    shape = graph.shape(tensor)
    return np.asarray(mask.reshape(shape)) if mask.size == prod(shape) else None
