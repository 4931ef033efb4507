"""Layers from LSTM, GRU and RNN: two matrix products for each direction.

The product with the input covers all steps at once: the steps are the positions of a sequence that share the weights.
The product with the hidden state waits for the step before, so that every step is an image of its own and fetches its
weights anew. The gates themselves, a few operations for each hidden value, are left out, like activation functions.
"""

from __future__ import annotations

from onnx import NodeProto

from sqnxt_sim.frontend.onnx_dense import product_layer
from sqnxt_sim.frontend.onnx_graph import OnnxGraph, attributes, integer, known_shape, mismatch
from sqnxt_sim.frontend.onnx_operators import RECURRENT, operator
from sqnxt_sim.frontend.onnx_weights import activation_bits, operand_facts
from sqnxt_sim.frontend.positions import Rows
from sqnxt_sim.frontend.products import Product
from sqnxt_sim.frontend.weight_facts import WeightFacts
from sqnxt_sim.workload import ConvLayer

_DYNAMIC_BITS = {"DynamicQuantizeLSTM": 8}
_DIRECTIONS = ("forward", "reverse")


def recurrent_layers(graph: OnnxGraph, node: NodeProto, constants: frozenset[str]) -> list[ConvLayer]:
    """Return the products of a recurrent node: that of the input and that of the hidden state for each direction.

    Raises:
        SimulatorError: A shape is not known, or does not fit the others.
    """
    data = known_shape(graph, node, node.input[0])
    if len(data) != 3:
        raise mismatch(graph, node, f"an input {list(data)}")
    steps, batch = data[:2] if integer(attributes(node), "layout", 0) == 0 else data[1::-1]
    bits = _DYNAMIC_BITS.get(operator(node), activation_bits(graph, node.input[0]))
    layers = []
    parts = zip(RECURRENT[operator(node)], ("input", "hidden"), strict=True)
    for operands, what in parts:
        shape = known_shape(graph, node, node.input[operands.weights])
        # [directions, gates, channels], or [directions, channels, gates] in the quantised form
        if len(shape) != 3 or shape[0] not in (1, 2):
            raise mismatch(graph, node, f"weights {list(shape)}")
        gates, channels = shape[1:] if operands.axis == 1 else shape[:0:-1]
        if what == "input" and channels != data[2]:
            raise mismatch(graph, node, f"{data[2]} input channels and weights {list(shape)}")
        rows = Rows(batch=batch, height=1, width=steps) if what == "input" else Rows(batch=steps, height=1, width=batch)
        facts = operand_facts(graph, node, operands, constants)
        for direction in range(shape[0]):
            own = WeightFacts(bits=facts.bits, mask=None if facts.mask is None else facts.mask[direction])
            name = what if shape[0] == 1 else f"{_DIRECTIONS[direction]} {what}"
            product = Product(rows=rows, shared=channels, columns=gates, bits=bits, weight_bits=facts.bits)
            is_stored = node.input[operands.weights] in constants
            layers.append(product_layer(node, product, own if is_stored else None, name))
    return layers
