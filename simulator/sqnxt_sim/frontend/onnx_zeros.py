"""Masks of where the constant tensors of a graph are not zero, and the widths of its integers."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto

from sqnxt_sim.frontend.onnx_graph import MAX_CHAIN, OnnxGraph, attributes, integer
from sqnxt_sim.frontend.onnx_operators import PASS_ACTIVATIONS, operator
from sqnxt_sim.frontend.onnx_values import constant_values, rearranged, stored_values, trace
from sqnxt_sim.frontend.weight_facts import Mask

# Types are looked up by name, because onnx had no 2-bit integers before 1.20.
_BITS_BY_NAME = {
    "BOOL": 8,
    **{f"{sign}INT{bits}": bits for sign in ("", "U") for bits in (2, 4, 8, 16, 32, 64)},
}
_BITS: dict[int, int] = {
    kind: _BITS_BY_NAME[name] for name, kind in TensorProto.DataType.items() if name in _BITS_BY_NAME
}


def tensor_bits(graph: OnnxGraph, name: str) -> int | None:
    """Return the width of an integer tensor; None for floats and for types that onnx could not infer."""
    return _BITS.get(graph.element_types.get(name, TensorProto.UNDEFINED))


def quantised_bits(graph: OnnxGraph, name: str) -> int | None:
    """Return the width of an integer tensor, or the smaller width that a Clip on the way leaves; None for floats.

    Brevitas writes 4-bit integers as 8-bit ones that a Clip between QuantizeLinear and DequantizeLinear limits.

    Example: a Clip to -7..7 leaves 15 values, hence 4 bits.
    """
    bits = tensor_bits(graph, name)
    for _ in range(MAX_CHAIN):
        node = graph.producers.get(name)
        if node is None or operator(node) not in PASS_ACTIVATIONS:
            break
        if operator(node) == "Clip" and bits is not None:
            limits = _clip_limits(graph, node)
            if None not in limits and limits[0] < limits[1]:
                bits = min(bits, int(limits[1] - limits[0]).bit_length())
        name = node.input[0]
    return bits


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
        values = stored_values(graph, source)
        mask = None if values is None else _differs(values, np.zeros((), values.dtype))
    return None if mask is None else rearranged(graph, mask, steps)


def integer_mask(graph: OnnxGraph, name: str, zero_point: str, *, axis: int, block: int = 0) -> Mask | None:
    """Return a mask of where integers differ from their zero point; an empty name of the zero point stands for 0.

    There may be one zero point for all, one for each index along `axis`, or one for each block of values there. A Clip
    on the way keeps every zero if the zero point lies within its limits; otherwise the zeros are not known.
    """
    zeros = constant_values(graph, zero_point) if zero_point else np.zeros((), np.int8)
    if zeros is None or not zeros.size:
        return None
    places = []
    source, steps = trace(graph, name)
    while operator(node := graph.producers.get(source)) == "Clip" and node is not None:
        if not _contains(_clip_limits(graph, node), zeros):
            return None
        places.append(steps)
        source, steps = trace(graph, node.input[0])
    if operator(node) == "QuantizeLinear" and node is not None:
        mask = _mask_after_quantising(graph, node)
        return None if mask is None else rearranged(graph, mask, [*steps, *chain(*reversed(places))])
    values = stored_values(graph, source)
    values = None if values is None else rearranged(graph, values, [*steps, *chain(*reversed(places))])
    spread = None if values is None else broadcastable(zeros, values.shape, axis, block)
    return None if values is None or spread is None else _differs(values, spread)


def broadcastable(parameter: NDArray[Any], shape: tuple[int, ...], axis: int, block: int) -> NDArray[Any] | None:
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


def _mask_after_quantising(graph: OnnxGraph, quantize: NodeProto) -> Mask | None:
    """Return a mask of the floats that a QuantizeLinear does not round to zero; 0.5 rounds to even, hence to zero."""
    values, scale = constant_values(graph, quantize.input[0]), constant_values(graph, quantize.input[1])
    if values is None or scale is None or not scale.size:
        return None
    given = attributes(quantize)
    spread = broadcastable(scale, values.shape, integer(given, "axis", 1), integer(given, "block_size", 0))
    return None if spread is None else np.asarray(np.abs(values) > np.abs(spread) / 2)


def _clip_limits(graph: OnnxGraph, clip: NodeProto) -> tuple[Any, Any]:
    """Return the lower and the upper limit of a Clip; None for one that is not given, or that the graph computes."""
    given = attributes(clip)
    limits: list[Any] = []
    for place, name in enumerate(("min", "max"), start=1):
        values = constant_values(graph, clip.input[place]) if len(clip.input) > place and clip.input[place] else None
        if name in given:  # before opset 11
            limits.append(given[name].f)
        else:
            limits.append(values.reshape(-1)[0].item() if values is not None and values.size else None)
    return limits[0], limits[1]


def _contains(limits: tuple[Any, Any], zeros: NDArray[Any]) -> bool:
    low, high = limits
    return bool((low is None or (zeros >= low).all()) and (high is None or (zeros <= high).all()))


def _differs(values: NDArray[Any], zeros: NDArray[Any]) -> Mask:
    """Return a mask of where values and zeros differ; values that repeat a single one give a mask that does too."""
    if values.size and not any(values.strides) and zeros.size == 1:
        return np.broadcast_to(values.flat[0] != zeros.flat[0], values.shape)
    return np.asarray(values != zeros)
