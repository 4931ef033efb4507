"""Values of the constant tensors of a graph, wherever they are stored, and masks of where they are not zero."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, SparseTensorProto, numpy_helper

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.frontend.onnx_graph import OnnxGraph, attributes, integer, integers
from sqnxt_sim.frontend.onnx_operators import PASS_WEIGHTS, operator

Mask = NDArray[np.bool_]

# A file of a few bytes may declare a sparse tensor of any size. No convolution has this many weights.
_MAX_SPARSE_VALUES = 2**28


def constant_values(graph: OnnxGraph, name: str) -> NDArray[Any] | None:
    """Return the values of a constant tensor in the layout of `name`; None if the graph computes them.

    Raises:
        SimulatorError: The values do not match the shape that the file declares.
    """
    source, steps = trace(graph, name)
    values = _stored(graph, source)
    return None if values is None else _rearranged(graph, values, steps)


def weight_mask(graph: OnnxGraph, name: str) -> Mask | None:
    """Return a mask of where the constant tensor `name` is not zero, in its layout; None if that is not known.

    Integers behind a DequantizeLinear are zero where they equal their zero point.

    Raises:
        SimulatorError: The values do not match the shape that the file declares.
    """
    source, steps = trace(graph, name)
    node = graph.producers.get(source)
    if operator(node) == "DequantizeLinear" and node is not None:
        zero_point = node.input[2] if len(node.input) > 2 else ""
        given = attributes(node)
        axis, block = integer(given, "axis", 1), integer(given, "block_size", 0)
        mask = integer_mask(graph, node.input[0], zero_point, axis=axis, block=block)
    else:
        values = _stored(graph, source)
        mask = None if values is None else _differs(values, np.zeros((), values.dtype))
    return None if mask is None else _rearranged(graph, mask, steps)


def integer_mask(graph: OnnxGraph, name: str, zero_point: str, *, axis: int, block: int = 0) -> Mask | None:
    """Return a mask of where integers differ from their zero point; an empty name of the zero point stands for 0.

    There may be one zero point for all, one for each index along `axis`, or one for each block of values there.
    """
    source, steps = trace(graph, name)
    node = graph.producers.get(source)
    if operator(node) == "QuantizeLinear" and node is not None:
        mask = _mask_after_quantising(graph, node)
        return None if mask is None else _rearranged(graph, mask, steps)
    values = constant_values(graph, name)
    zeros = constant_values(graph, zero_point) if zero_point else np.zeros((), np.int8)
    if values is None or zeros is None or not zeros.size:
        return None
    spread = _broadcastable(zeros, values.shape, axis, block)
    return None if spread is None else _differs(values, spread)


def count_nonzero(mask: Mask) -> int:
    """Count the weights that are not zero; a mask that repeats a single value is not read through."""
    if mask.size and not any(mask.strides):
        return mask.size * int(mask.flat[0])
    return int(np.count_nonzero(mask))


def count_by_tap(mask: Mask) -> NDArray[np.int64]:
    """Count the weights that are not zero for each tap of the kernel; the mask is [channels, channels, *kernel]."""
    if mask.size and not any(mask.strides):
        return np.full(mask.shape[2:], mask.shape[0] * mask.shape[1] * int(mask.flat[0]))
    return np.asarray(np.count_nonzero(mask, axis=(0, 1)))


def trace(graph: OnnxGraph, name: str) -> tuple[str, list[NodeProto]]:
    """Return the name of the tensor that stores the values of `name`, and the nodes that rearrange them, in order."""
    steps = []
    while (node := graph.producers.get(name)) is not None and operator(node) in PASS_WEIGHTS:
        steps.append(node)
        name = node.input[0]
    return name, steps[::-1]


def _rearranged(graph: OnnxGraph, values: NDArray[Any], steps: list[NodeProto]) -> NDArray[Any] | None:
    for node in steps:
        shape = graph.shapes.get(node.output[0])
        if shape is None or prod(shape) != values.size:
            return None
        values = (
            values.transpose(integers(attributes(node), "perm"))
            if node.op_type == "Transpose"
            else values.reshape(shape)
        )
    return values


def _mask_after_quantising(graph: OnnxGraph, quantize: NodeProto) -> Mask | None:
    """Return a mask of the floats that a QuantizeLinear does not round to zero; 0.5 rounds to even, hence to zero."""
    values, scale = constant_values(graph, quantize.input[0]), constant_values(graph, quantize.input[1])
    if values is None or scale is None or not scale.size:
        return None
    given = attributes(quantize)
    spread = _broadcastable(scale, values.shape, integer(given, "axis", 1), integer(given, "block_size", 0))
    return None if spread is None else np.asarray(np.abs(values) > np.abs(spread) / 2)


def _broadcastable(parameter: NDArray[Any], shape: tuple[int, ...], axis: int, block: int) -> NDArray[Any] | None:
    """Return a scale or zero point in a form that broadcasts over a tensor of `shape`; None if it does not fit.

    Example: for weights [64, 32, 3, 3], 64 scales along axis 0 become [64, 1, 1, 1]. For a matrix [64, 32], scales
    [64, 2] in blocks of 16 along axis 1 become [64, 32], each of them 16 times.
    """
    if parameter.size == 1 or (parameter == parameter.flat[0]).all():
        return parameter.reshape(-1)[:1]
    rank = len(shape)
    if not -rank <= axis < rank:
        return None
    if block > 0 and parameter.ndim == rank:
        parameter = np.repeat(parameter, block, axis=axis).take(np.arange(shape[axis]), axis=axis, mode="clip")
    elif parameter.ndim == 1:
        parameter = parameter.reshape([-1 if place == axis % rank else 1 for place in range(rank)])
    fits = parameter.ndim == rank and all(have in (1, want) for have, want in zip(parameter.shape, shape, strict=True))
    return parameter if fits else None


def _differs(values: NDArray[Any], zeros: NDArray[Any]) -> Mask:
    """Return a mask of where values and zeros differ; values that repeat a single one give a mask that does too."""
    if values.size and not any(values.strides) and zeros.size == 1:
        return np.broadcast_to(values.flat[0] != zeros.flat[0], values.shape)
    return np.asarray(values != zeros)


def _stored(graph: OnnxGraph, name: str) -> NDArray[Any] | None:
    """Return the values of an initializer, a Constant or a ConstantOfShape; None for other tensors."""
    node = graph.producers.get(name)
    try:
        if name in graph.initializers:
            return numpy_helper.to_array(graph.initializers[name])
        if name in graph.sparse_initializers:
            return _dense(graph.sparse_initializers[name])
        if operator(node) == "Constant" and node is not None:
            return _of_constant(node)
        if operator(node) == "ConstantOfShape" and node is not None:
            return _of_one_value(node, graph.shapes.get(name))
    except Exception as error:
        raise SimulatorError(
            graph.name, f"tensor {name!r} does not hold the values that its dimensions declare", "export it again"
        ) from error
    return None


def _of_constant(node: NodeProto) -> NDArray[Any] | None:
    """Return the values of a Constant, whichever attribute holds them; None for strings."""
    for name, given in attributes(node).items():
        if name == "value":
            return numpy_helper.to_array(given.t)
        if name == "sparse_value":
            return _dense(given.sparse_tensor)
        if name in ("value_float", "value_int", "value_floats", "value_ints"):
            return np.asarray(onnx.helper.get_attribute_value(given))
    return None


def _of_one_value(node: NodeProto, shape: tuple[int, ...] | None) -> NDArray[Any] | None:
    """Return an array that repeats one value (0.0 by default) without taking memory for it."""
    given = attributes(node)
    value = numpy_helper.to_array(given["value"].t) if "value" in given else np.zeros(1, np.float32)
    if shape is None or prod(shape) >= 2**56:
        return None
    return np.broadcast_to(value.reshape(()), shape)


def _dense(tensor: SparseTensorProto) -> NDArray[Any]:
    onnx.checker.check_sparse_tensor(tensor)
    if prod(tensor.dims) > _MAX_SPARSE_VALUES:
        raise ValueError("too large")
    values, places = numpy_helper.to_array(tensor.values), numpy_helper.to_array(tensor.indices)
    dense = np.zeros(tuple(tensor.dims), values.dtype)
    if places.ndim == 1:
        dense.reshape(-1)[places] = values
    else:
        dense[tuple(places.T)] = values
    return dense
