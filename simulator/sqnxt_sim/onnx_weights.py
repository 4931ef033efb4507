"""Bits and zeros of the tensors of an ONNX graph, wherever the graph keeps its weights."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, numpy_helper

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.onnx_file import OnnxGraph, attributes
from sqnxt_sim.onnx_operators import PASS_ACTIVATIONS, PASS_WEIGHTS

_BITS: dict[int, int] = {
    TensorProto.INT4: 4,
    TensorProto.UINT4: 4,
    TensorProto.INT8: 8,
    TensorProto.UINT8: 8,
    TensorProto.INT16: 16,
    TensorProto.UINT16: 16,
    TensorProto.INT32: 32,
    TensorProto.UINT32: 32,
}

_RANDOM = frozenset({"Bernoulli", "Multinomial", "RandomNormalLike", "RandomUniformLike"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFacts:
    """What is known of a weight tensor: integer width (None for floats), nonzero values (None where not known)."""

    bits: int | None
    nonzero: int | None


def constant_names(graph: OnnxGraph) -> frozenset[str]:
    """Names of all tensors that do not depend on the network's input.

    Shapes are static here, so what a graph computes from shapes alone is constant too.
    """
    constants = set(graph.initializers)
    for node in graph.nodes:
        inputs = [name for name in node.input if name]
        known = inputs and all(name in constants for name in inputs)
        if node.op_type in ("Constant", "Shape", "Size") or (known and not _is_unpredictable(node)):
            constants.update(node.output)
    return frozenset(constants)


def _is_unpredictable(node: NodeProto) -> bool:
    """Whether constant inputs may give varying outputs: by chance, or by a subgraph that reads the outer graph."""
    return node.op_type in _RANDOM or any(a.type in (a.GRAPH, a.GRAPHS) for a in node.attribute)


def activation_bits(graph: OnnxGraph, name: str) -> int | None:
    """Integer width of the activations in tensor `name`, or None where they are floating point."""
    node = graph.producers.get(name)
    while node is not None and node.op_type in PASS_ACTIVATIONS:
        name = node.input[0]
        node = graph.producers.get(name)
    if node is not None and node.op_type == "DequantizeLinear":
        name = node.input[0]
    return _bits(graph, name)


def weight_facts(graph: OnnxGraph, name: str) -> WeightFacts:
    """Bits and zeros of the constant tensor `name`, traced back to where its values are kept.

    Raises:
        SimulatorError: the values do not match the shape that the file declares.
    """
    name = _trace(graph, name)
    node = graph.producers.get(name)
    if node is not None and node.op_type == "DequantizeLinear":
        return WeightFacts(bits=_bits(graph, node.input[0]), nonzero=_nonzero_quantised(graph, node))
    values = _values(graph, name)
    return WeightFacts(bits=_bits(graph, name), nonzero=None if values is None else int(np.count_nonzero(values)))


def _trace(graph: OnnxGraph, name: str) -> str:
    """Back through operators that only cast or rearrange."""
    while (node := graph.producers.get(name)) is not None and node.op_type in PASS_WEIGHTS:
        name = node.input[0]
    return name


def _nonzero_quantised(graph: OnnxGraph, dequantize: NodeProto) -> int | None:
    """Values that differ from their zero point, or None where the graph hides them."""
    name = _trace(graph, dequantize.input[0])
    producer = graph.producers.get(name)
    if producer is not None and producer.op_type == "QuantizeLinear":
        return _nonzero_after_quantising(graph, producer)
    values = _values(graph, name)
    zero_point = _parameter(graph, dequantize, 2, default=0)
    if values is None or zero_point is None:
        return None
    if (zero_point == zero_point.flat[0]).all():
        return int(np.count_nonzero(values != zero_point.flat[0]))
    rearranged = name != dequantize.input[0]
    along = None if rearranged else _along_axis(zero_point, dequantize, values.shape)
    return None if along is None else int(np.count_nonzero(values != along))


def _nonzero_after_quantising(graph: OnnxGraph, quantize: NodeProto) -> int | None:
    """Floats that a QuantizeLinear sends elsewhere than to the zero point; a half rounds to even, so to zero."""
    name = _trace(graph, quantize.input[0])
    values, scale = _values(graph, name), _parameter(graph, quantize, 1, default=1)
    if values is None or scale is None:
        return None
    if scale.size > 1:
        along = _along_axis(scale, quantize, values.shape) if name == quantize.input[0] else None
        if along is None:
            return None
        scale = along
    return int(np.count_nonzero(np.abs(values) > np.abs(scale) / 2))


def _parameter(graph: OnnxGraph, node: NodeProto, index: int, *, default: int) -> NDArray[Any] | None:
    """A scale or zero point, which may be absent; None where it is computed."""
    if len(node.input) <= index or not node.input[index]:
        return np.array([default])
    values = _values(graph, _trace(graph, node.input[index]))
    return None if values is None or values.size == 0 else values


def _along_axis(parameter: NDArray[Any], node: NodeProto, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """A per-channel parameter laid along its axis of a tensor; None where it has blocks, or does not fit."""
    axis, rank = attributes(node)["axis"].i if "axis" in attributes(node) else 1, len(shape)
    if parameter.ndim != 1 or not -rank <= axis < rank or parameter.size != shape[axis]:
        return None
    laid = [1] * rank
    laid[axis] = parameter.size
    return parameter.reshape(laid)


def _bits(graph: OnnxGraph, name: str) -> int | None:
    """Width of an integer tensor; None for floats and for types that onnx could not infer."""
    return _BITS.get(graph.element_types.get(name, TensorProto.UNDEFINED))


def _values(graph: OnnxGraph, name: str) -> NDArray[Any] | None:
    """The values of an initializer or a Constant; None for what a graph computes."""
    tensor = graph.initializers.get(name)
    node = graph.producers.get(name)
    if tensor is None and node is not None and node.op_type == "Constant":
        given = attributes(node)
        tensor = given["value"].t if "value" in given else None
    if tensor is None:
        return None
    try:
        return numpy_helper.to_array(tensor)
    except Exception as error:
        raise SimulatorError(
            f"{graph.name}: tensor {name!r} does not hold the {list(tensor.dims)} values it declares; export it again"
        ) from error
