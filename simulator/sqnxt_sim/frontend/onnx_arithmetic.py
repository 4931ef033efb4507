"""Operators that shapes are computed with, in NumPy: a result follows from small tensors and is small itself.

A ValueError, IndexError or TypeError means that a node does not fit its inputs. A result of None means that the
operator is not in the table, or that the result would be large: then it is not computed at all.

Source: ONNX's definition of each operator, at the opset of the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from sqnxt_sim.frontend.onnx_graph import attributes, integer, integers
from sqnxt_sim.frontend.onnx_layout import LAYOUT, Array, Inputs, axes_of, data_of, rearrange

MAX_VALUES = 1024
"""Limit of a result. A shape has a handful of dimensions, and its pads are twice as many values."""

_Elementwise = Callable[..., Array]


def compute(node: NodeProto, inputs: Inputs, opset: int) -> list[Array] | None:
    """Return the outputs of a node of ONNX's own domain; an input that is left out is None."""
    op = node.op_type
    result: Array | list[Array] | None = None
    with np.errstate(all="ignore"):
        if op in _ELEMENTWISE:
            result = _elementwise(node, [value for value in inputs if value is not None], opset)
        elif op in _REDUCTIONS:
            result = _reduced(node, inputs, opset)
        elif op in _OTHERS:
            result = _OTHERS[op](node, inputs)
        elif op in LAYOUT:
            result = rearrange(node, inputs)
    results = result if isinstance(result, list) else [result]
    known = [value for value in results if value is not None and value.size <= MAX_VALUES]
    return [np.asarray(value) for value in known] if len(known) == len(results) else None


def _elementwise(node: NodeProto, values: list[Array], opset: int) -> Array | None:
    """Return the result of an operator with broadcasting; before opset 7 the place of the second operand was given."""
    axis = attributes(node).get("axis")
    if opset < 7 and axis is not None and len(values) == 2:
        trailing = values[0].ndim - axis.i - values[1].ndim
        values = [values[0], values[1].reshape(values[1].shape + (1,) * max(trailing, 0))]
    if prod(np.broadcast_shapes(*(value.shape for value in values))) > MAX_VALUES:
        return None
    return _ELEMENTWISE[node.op_type](node, *values)


def _folded(function: Any) -> _Elementwise:
    """Return an operator of any number of operands, which a function of two joins from left to right."""

    def join(node: NodeProto, first: Array, *others: Array) -> Array:
        for other in others:
            first = function(first, other)
        return first

    return join


def _plain(function: Any) -> _Elementwise:
    return lambda node, *values: function(*values)


def _divide(node: NodeProto, first: Array, second: Array) -> Array:
    """Divide; integers are rounded towards zero."""
    if not np.issubdtype(first.dtype, np.integer):
        return np.asarray(first / second)
    if not second.all():
        raise ValueError("it divides by zero")
    return np.asarray(np.sign(first) * np.sign(second) * (np.abs(first) // np.abs(second))).astype(first.dtype)


def _modulo(node: NodeProto, first: Array, second: Array) -> Array:
    if not second.all():
        raise ValueError("it divides by zero")
    return np.asarray((np.fmod if integer(attributes(node), "fmod", 0) else np.mod)(first, second))


def _power(node: NodeProto, first: Array, second: Array) -> Array:
    return np.asarray(np.power(first.astype(np.float64), second)).astype(first.dtype)


def _reduced(node: NodeProto, inputs: Inputs, opset: int) -> Array:
    given, data, axes = attributes(node), data_of(inputs), axes_of(node, inputs)
    if not axes and integer(given, "noop_with_empty_axes", 0):
        return data
    over = tuple(axes) if axes else None
    reduced = _REDUCTIONS[node.op_type](data, axis=over, keepdims=bool(integer(given, "keepdims", 1)))
    return np.asarray(reduced).astype(data.dtype)


def _cast(node: NodeProto, inputs: Inputs) -> Array | None:
    kind = attributes(node)["to"]
    # Before opset 6 the type was a word.
    number = TensorProto.DataType.Value(kind.s.decode()) if kind.s else kind.i
    if number == TensorProto.STRING:
        return None
    return data_of(inputs).astype(helper.tensor_dtype_to_np_dtype(number))


def _cast_like(node: NodeProto, inputs: Inputs) -> Array:
    return data_of(inputs).astype(data_of(inputs[1:]).dtype)


def _clip(node: NodeProto, inputs: Inputs) -> Array:
    given, (data, low, high) = attributes(node), (*inputs, None, None)[:3]
    low = np.asarray(given["min"].f) if "min" in given else low
    high = np.asarray(given["max"].f) if "max" in given else high
    data = data_of([data])
    if low is not None:
        data = np.maximum(data, low.astype(data.dtype))
    return data if high is None else np.minimum(data, high.astype(data.dtype))


def _concat(node: NodeProto, inputs: Inputs) -> Array:
    return np.concatenate([data_of([value]) for value in inputs], axis=integer(attributes(node), "axis", 1))


def _constant_of_shape(node: NodeProto, inputs: Inputs) -> Array | None:
    given, shape = attributes(node), _sizes(data_of(inputs))
    value = numpy_helper.to_array(given["value"].t).reshape(()) if "value" in given else np.zeros((), np.float32)
    return None if prod(shape) > MAX_VALUES else np.full(shape, value)


def _cumulated(node: NodeProto, inputs: Inputs) -> Array | None:
    given, data = attributes(node), data_of(inputs)
    if integer(given, "exclusive", 0) or integer(given, "reverse", 0):
        return None
    return np.asarray(np.cumsum(data, axis=int(data_of(inputs[1:]).flat[0]))).astype(data.dtype)


def _expand(node: NodeProto, inputs: Inputs) -> Array | None:
    data = data_of(inputs)
    shape = np.broadcast_shapes(data.shape, _sizes(data_of(inputs[1:])))
    return None if prod(shape) > MAX_VALUES else np.broadcast_to(data, shape)


def _gather(node: NodeProto, inputs: Inputs) -> Array:
    return np.take(data_of(inputs), data_of(inputs[1:]), axis=integer(attributes(node), "axis", 0))


def _gather_elements(node: NodeProto, inputs: Inputs) -> Array:
    return np.take_along_axis(data_of(inputs), data_of(inputs[1:]), axis=integer(attributes(node), "axis", 0))


def _gather_nd(node: NodeProto, inputs: Inputs) -> Array | None:
    if integer(attributes(node), "batch_dims", 0):
        return None
    return np.asarray(data_of(inputs)[tuple(np.moveaxis(data_of(inputs[1:]), -1, 0))])


def _nonzero(node: NodeProto, inputs: Inputs) -> Array:
    return np.stack(np.nonzero(np.atleast_1d(data_of(inputs)))).astype(np.int64)


def _range(node: NodeProto, inputs: Inputs) -> Array | None:
    start, stop, step = (data_of([value]).reshape(-1)[0] for value in inputs)
    if not step:
        raise ValueError("its step is 0")
    if abs(float(stop) - float(start)) > MAX_VALUES * abs(float(step)):
        return None
    return np.arange(start, stop, step).astype(start.dtype)  # NumPy makes float64 of float32


def _slice(node: NodeProto, inputs: Inputs) -> Array:
    """Cut a part out; before opset 10 its place was given by attributes."""
    given, data = attributes(node), data_of(inputs)
    if "starts" in given:
        starts, ends, axes = (integers(given, name) for name in ("starts", "ends", "axes"))
        steps = None
    else:
        starts, ends, axes, steps = (
            None if value is None else [int(item) for item in value.reshape(-1)]
            for value in (*inputs[1:], None, None)[:4]
        )
    if starts is None or ends is None:
        raise ValueError("its start or end is missing")
    places = [slice(None)] * data.ndim
    axes, steps = axes or list(range(len(starts))), steps or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        # With a step backwards, an end before the first value means that the first value is included.
        backwards_to_the_first = step < 0 and end < -data.shape[axis]
        places[axis] = slice(start, None if backwards_to_the_first else end, step)
    return data[tuple(places)]


def _split(node: NodeProto, inputs: Inputs) -> list[Array]:
    given, data = attributes(node), data_of(inputs)
    axis, count = integer(given, "axis", 0), len(node.output)
    sizes = integers(given, "split")
    if len(inputs) > 1 and inputs[1] is not None:
        sizes = [int(size) for size in inputs[1].reshape(-1)]
    if sizes is None:
        part = -(-data.shape[axis] // count)
        sizes = [min(part, data.shape[axis] - part * index) for index in range(count)]
    if sum(sizes) != data.shape[axis] or min(sizes) < 0 or len(sizes) != count:
        raise ValueError(f"parts of {sizes} do not make up {data.shape[axis]}")
    return [np.asarray(part) for part in np.split(data, np.cumsum(sizes)[:-1], axis=axis)]


def _tile(node: NodeProto, inputs: Inputs) -> Array | None:
    data, repeats = data_of(inputs), _sizes(data_of(inputs[1:]))
    return None if data.size * prod(repeats) > MAX_VALUES else np.tile(data, repeats)


def _sizes(values: Array) -> tuple[int, ...]:
    sizes = tuple(int(size) for size in values.reshape(-1))
    if any(size < 0 for size in sizes):
        raise ValueError(f"it asks for sizes {list(sizes)[:8]}")
    return sizes


_ELEMENTWISE: dict[str, _Elementwise] = {
    "Abs": _plain(np.abs), "Add": _plain(np.add), "And": _plain(np.logical_and), "Ceil": _plain(np.ceil),
    "Div": _divide, "Equal": _plain(np.equal), "Exp": _plain(np.exp), "Floor": _plain(np.floor),
    "Greater": _plain(np.greater), "GreaterOrEqual": _plain(np.greater_equal), "Less": _plain(np.less),
    "LessOrEqual": _plain(np.less_equal), "Log": _plain(np.log), "Max": _folded(np.maximum),
    "Min": _folded(np.minimum), "Mod": _modulo, "Mul": _plain(np.multiply), "Neg": _plain(np.negative),
    "Not": _plain(np.logical_not), "Or": _plain(np.logical_or), "Pow": _power, "Reciprocal": _plain(np.reciprocal),
    "Round": _plain(np.round), "Sign": _plain(np.sign), "Sqrt": _plain(np.sqrt), "Sub": _plain(np.subtract),
    "Sum": _folded(np.add), "Where": _plain(np.where), "Xor": _plain(np.logical_xor),
}  # fmt: skip

_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "ReduceMax": np.max, "ReduceMean": np.mean, "ReduceMin": np.min, "ReduceProd": np.prod, "ReduceSum": np.sum,
}  # fmt: skip

_OTHERS: dict[str, Callable[[NodeProto, Sequence[Array | None]], Array | list[Array] | None]] = {
    "Cast": _cast, "CastLike": _cast_like, "Clip": _clip, "Concat": _concat, "ConstantOfShape": _constant_of_shape,
    "CumSum": _cumulated, "Expand": _expand, "Gather": _gather, "GatherElements": _gather_elements,
    "GatherND": _gather_nd, "NonZero": _nonzero, "Range": _range, "Slice": _slice, "Split": _split,
    "Tile": _tile,
}  # fmt: skip
