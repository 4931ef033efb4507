"""Values of the constant tensors of a graph, wherever they are stored."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, SparseTensorProto, TensorProto, numpy_helper

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.frontend.onnx_graph import MAX_CHAIN, OnnxGraph, attributes
from sqnxt_sim.frontend.onnx_layout import LAYOUT, rearrange
from sqnxt_sim.frontend.onnx_operators import operator

# A file of a few bytes may declare a sparse tensor of any size. No convolution has this many weights.
_MAX_SPARSE_VALUES = 2**28
# An array that repeats one value takes no memory, but its size must be a number that NumPy can hold.
_MAX_REPEATED_VALUES = 2**56
# Every step of a hostile chain could be the target shape of the next one, and each would be followed to its start.
_MAX_STEPS_OF_A_LIST = 64


def constant_values(graph: OnnxGraph, name: str) -> NDArray[Any] | None:
    """Return the values of a constant tensor in the layout of `name`; None if the graph computes them.

    Raises:
        SimulatorError: The values do not match the shape that the file declares.
    """
    source, steps = trace(graph, name)
    values = stored_values(graph, source)
    return None if values is None else rearranged(graph, values, steps)


def trace(graph: OnnxGraph, name: str) -> tuple[str, list[NodeProto]]:
    """Return the name of the tensor that stores the values of `name`, and the nodes that rearrange them, in order."""
    steps: list[NodeProto] = []
    while (node := graph.producers.get(name)) is not None and operator(node) in LAYOUT and node.input:
        if len(steps) == MAX_CHAIN:
            break
        steps.append(node)
        name = node.input[0]
    return name, steps[::-1]


def rearranged(graph: OnnxGraph, values: NDArray[Any], steps: list[NodeProto]) -> NDArray[Any] | None:
    """Return the values after the nodes that `trace` found; None if a node does not tell the shape, or does not fit.

    Inferred shapes are used where there are some: the target of a Reshape may be computed by other nodes.
    """
    for node in steps:
        shape = graph.shapes.get(node.output[0])
        if shape is not None and operator(node) != "Transpose":
            if prod(shape) != values.size:
                return None
            values = values.reshape(shape)
            continue
        others = [_flat(graph, name) for name in node.input[1:]]
        try:
            values = rearrange(node, [values, *others])
        except (ValueError, IndexError):
            return None
    return values


def _flat(graph: OnnxGraph, name: str) -> NDArray[Any] | None:
    """Return the values of a short list, such as a shape; None if it is left out or computed.

    The list has one axis, so what rearranges it does not change the order of its values.
    """
    for _ in range(_MAX_STEPS_OF_A_LIST):
        node = graph.producers.get(name)
        if node is None or operator(node) not in LAYOUT or not node.input:
            values = stored_values(graph, name) if name else None
            return None if values is None else values.reshape(-1)
        name = node.input[0]
    return None


def stored_values(graph: OnnxGraph, name: str) -> NDArray[Any] | None:
    """Return the values of an initializer, a Constant or a ConstantOfShape; None for other tensors.

    Raises:
        SimulatorError: The values do not match the shape that the file declares.
    """
    node = graph.producers.get(name)
    try:
        if name in graph.initializers:
            return numpy_helper.to_array(graph.initializers[name])
        if name in graph.sparse_initializers:
            return _dense(graph.sparse_initializers[name])
        if operator(node) == "Constant" and node is not None:
            return of_constant(node)
    except Exception as error:
        raise SimulatorError(
            graph.name, f"tensor {name!r} does not hold the values that its dimensions declare", "export it again"
        ) from error
    if operator(node) == "ConstantOfShape" and node is not None:
        return _of_one_value(graph, node)
    return None


def of_constant(node: NodeProto) -> NDArray[Any] | None:
    """Return the values of a Constant, whichever attribute holds them; None for strings.

    Raises:
        Exception: The values do not match the shape; onnx has no class of its own for this.
    """
    for name, given in attributes(node).items():
        if name == "value":
            return numpy_helper.to_array(given.t)
        if name == "sparse_value":
            return _dense(given.sparse_tensor)
        if name in ("value_float", "value_floats"):
            return np.asarray(onnx.helper.get_attribute_value(given), np.float32)
        if name in ("value_int", "value_ints"):
            return np.asarray(onnx.helper.get_attribute_value(given), np.int64)
    return None


def _of_one_value(graph: OnnxGraph, node: NodeProto) -> NDArray[Any] | None:
    """Return an array that repeats one value (0.0 by default) without taking memory for it."""
    shape = graph.shapes.get(node.output[0])
    if shape is None:
        sizes = _flat(graph, node.input[0])
        shape = None if sizes is None else tuple(int(size) for size in sizes)
    if shape is None or any(size < 0 for size in shape) or prod(shape) >= _MAX_REPEATED_VALUES:
        return None
    given = attributes(node)
    try:
        value = numpy_helper.to_array(given["value"].t).reshape(()) if "value" in given else np.zeros((), np.float32)
    except Exception as error:
        raise SimulatorError(
            graph.name, f"tensor {node.output[0]!r} repeats something other than one value", "export it again"
        ) from error
    return np.broadcast_to(value, shape)


def _dense(tensor: SparseTensorProto) -> NDArray[Any]:
    if any(part.data_location == TensorProto.EXTERNAL for part in (tensor.values, tensor.indices)):
        raise ValueError("external")  # onnx would look for the file in the folder of the process
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
