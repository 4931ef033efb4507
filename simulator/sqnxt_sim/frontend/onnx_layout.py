"""Operators that rearrange the values of a tensor and change none, computed with NumPy.

They are used twice: on the weights of a graph, whatever their size, and on the small tensors that shapes follow from.
A ValueError or IndexError means that the operator does not fit its inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto

from sqnxt_sim.frontend.onnx_graph import attributes, integer, integers

Array = NDArray[Any]
Inputs = Sequence[Array | None]


def rearrange(node: NodeProto, inputs: Inputs) -> Array:
    """Return the output of a node whose operator is in `LAYOUT`; an input that is left out is None."""
    return LAYOUT[node.op_type](node, inputs)


def axes_of(node: NodeProto, inputs: Inputs) -> list[int] | None:
    """Return the axes of a node, which are an attribute or, in later opsets, the second input; None if not given."""
    given = inputs[1] if len(inputs) > 1 else None
    if given is not None:
        return [int(axis) for axis in given.reshape(-1)]
    return integers(attributes(node), "axes")


def data_of(inputs: Inputs) -> Array:
    """Return the first input.

    Raises:
        ValueError: It is left out.
    """
    if not inputs or inputs[0] is None:
        raise ValueError("its first input is missing")
    return inputs[0]


def _identity(node: NodeProto, inputs: Inputs) -> Array:
    return data_of(inputs)


def _transpose(node: NodeProto, inputs: Inputs) -> Array:
    return data_of(inputs).transpose(integers(attributes(node), "perm"))


def _reshape(node: NodeProto, inputs: Inputs) -> Array:
    """Reshape as ONNX does: a 0 keeps the size of that axis, unless `allowzero` is set."""
    data = data_of(inputs)
    target = inputs[1] if len(inputs) > 1 else None
    # Before opset 5 the shape was an attribute.
    wanted = integers(attributes(node), "shape") if target is None else [int(size) for size in target.reshape(-1)]
    if wanted is None:
        raise ValueError("its shape is missing")
    if not integer(attributes(node), "allowzero", 0):
        wanted = [data.shape[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    return data.reshape(wanted)


def _flatten(node: NodeProto, inputs: Inputs) -> Array:
    data, axis = data_of(inputs), integer(attributes(node), "axis", 1)
    rows = int(np.prod(data.shape[:axis] if axis else (), dtype=np.int64))
    return data.reshape(rows, -1 if data.size else 0)


def _squeeze(node: NodeProto, inputs: Inputs) -> Array:
    axes = axes_of(node, inputs)
    return data_of(inputs).squeeze(None if axes is None else tuple(axes))


def _unsqueeze(node: NodeProto, inputs: Inputs) -> Array:
    axes = axes_of(node, inputs)
    if axes is None:
        raise ValueError("its axes are missing")
    return np.expand_dims(data_of(inputs), tuple(axes))


LAYOUT: dict[str, Callable[[NodeProto, Inputs], Array]] = {
    # Every weight passes through a Cast as it is, zero or not.
    "Cast": _identity,
    "CastLike": _identity,
    "Flatten": _flatten,
    "Identity": _identity,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""Operators that pass every weight on, so that bits and zeros are those of their first input."""
