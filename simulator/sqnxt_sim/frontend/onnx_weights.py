"""Bit widths and zeros of the tensors of a graph, and which tensors are constant."""

from __future__ import annotations

from dataclasses import dataclass

from onnx import NodeProto, TensorProto

from sqnxt_sim.frontend.onnx_graph import OnnxGraph
from sqnxt_sim.frontend.onnx_operators import PASS_ACTIVATIONS, Operands, operator
from sqnxt_sim.frontend.onnx_values import Mask, count_nonzero, integer_mask, trace, weight_mask

# Types are looked up by name, because onnx had no 2-bit integers before 1.20.
_BITS_BY_NAME = {
    "BOOL": 8,
    **{f"{sign}INT{bits}": bits for sign in ("", "U") for bits in (2, 4, 8, 16, 32, 64)},
}
_BITS: dict[int, int] = {
    kind: _BITS_BY_NAME[name] for name, kind in TensorProto.DataType.items() if name in _BITS_BY_NAME
}

_RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFacts:
    """Facts about a weight tensor: integer width (None for floats), mask of nonzero values (None if not known)."""

    bits: int | None
    mask: Mask | None = None

    @property
    def nonzero(self) -> int | None:
        """Number of nonzero weights; None if not known."""
        return None if self.mask is None else count_nonzero(self.mask)


def constant_names(graph: OnnxGraph) -> frozenset[str]:
    """Return the names of all tensors that do not depend on the network's input.

    Shapes are static here, so values that a graph computes from shapes alone are constant too.
    """
    constants = {*graph.initializers, *graph.sparse_initializers}
    for node in graph.nodes:
        inputs = [name for name in node.input if name]
        known = inputs and all(name in constants for name in inputs)
        if operator(node) in ("Constant", "Shape", "Size") or (known and not _is_unpredictable(node)):
            constants.update(node.output)
    return frozenset(constants)


def _is_unpredictable(node: NodeProto) -> bool:
    """Tell whether constant inputs may give varying outputs: by chance, or by a subgraph that reads the outer graph."""
    return node.op_type in _RANDOM or any(a.type in (a.GRAPH, a.GRAPHS) for a in node.attribute)


def tensor_bits(graph: OnnxGraph, name: str) -> int | None:
    """Return the width of an integer tensor; None for floats and for types that onnx could not infer."""
    return _BITS.get(graph.element_types.get(name, TensorProto.UNDEFINED))


def activation_bits(graph: OnnxGraph, name: str) -> int | None:
    """Return the integer width of the activations in tensor `name`, or None if they are floating point."""
    node = graph.producers.get(name)
    while node is not None and operator(node) in PASS_ACTIVATIONS:
        name = node.input[0]
        node = graph.producers.get(name)
    if node is not None and operator(node) == "DequantizeLinear":
        name = node.input[0]
    return tensor_bits(graph, name)


def weight_facts(graph: OnnxGraph, name: str) -> WeightFacts:
    """Return bits and zeros of the constant tensor `name`, traced back to where its values are stored.

    Raises:
        SimulatorError: The values do not match the shape that the file declares.
    """
    source, _ = trace(graph, name)
    node = graph.producers.get(source)
    if node is not None and operator(node) == "DequantizeLinear":
        source = node.input[0]
    return WeightFacts(bits=tensor_bits(graph, source), mask=weight_mask(graph, name))


def operand_facts(
    graph: OnnxGraph, node: NodeProto, operands: Operands, constants: frozenset[str], *, axis: int
) -> WeightFacts:
    """Return bits and zeros of an operator's weights; weights that the network computes count as dense activations.

    `axis` is the one of the output channels, each of which may have a zero point of its own.

    Raises:
        SimulatorError: The values do not match the shape that the file declares.
    """
    name = node.input[operands.weights]
    if name not in constants:
        return WeightFacts(bits=activation_bits(graph, name))
    if tensor_bits(graph, name) is None:
        return weight_facts(graph, name)
    given = operands.zero_point is not None and operands.zero_point < len(node.input)
    zero_point = node.input[operands.zero_point] if given and operands.zero_point is not None else ""
    mask = integer_mask(graph, name, zero_point, axis=axis)
    return WeightFacts(bits=tensor_bits(graph, name), mask=mask)
