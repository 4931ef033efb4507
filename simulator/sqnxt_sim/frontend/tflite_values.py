"""Values of the constant tensors of a .tflite file, and masks of where they are not zero."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_sim.frontend.tflite_parts import TfliteTensor
from sqnxt_sim.frontend.tflite_schema import NumberType
from sqnxt_sim.frontend.tflite_sparse import dense_values

Mask = NDArray[np.bool_]
_SIGNED = ("int2", "int4")


def constant_values(tensor: TfliteTensor) -> NDArray[Any] | None:
    """Return the values of a constant in its shape; None if the file does not hold them, or for strings and the like.

    bfloat16 comes as the 16 bits of each value.

    Raises:
        ValueError: The number of bytes does not match the shape.
    """
    if tensor.is_external or not tensor.data or not tensor.kind.stored:
        return None
    if tensor.sparsity is not None:
        return dense_values(_stored(tensor.data, tensor.kind, None), tensor.shape, tensor.sparsity)
    values = _stored(tensor.data, tensor.kind, tensor.size)
    if values.size != tensor.size:
        raise ValueError(f"tensor {tensor.name[:80]!r} has {values.size} values in the shape {list(tensor.shape)}")
    return values.reshape(tensor.shape)


def nonzero_mask(tensor: TfliteTensor) -> Mask | None:
    """Return a mask of where a constant differs from zero, or from its zero point; None if its values are not known.

    Raises:
        ValueError: The number of bytes does not match the shape, or that of zero points does not.
    """
    values = constant_values(tensor)
    if values is None:
        return None
    if tensor.kind.name == "bfloat16":
        return np.asarray(values & 0x7FFF != 0)
    zeros = np.asarray(tensor.quantization.zero_points)
    if values.dtype.kind not in "iu" or not zeros.any():
        return np.asarray(values != 0)
    if zeros.size > 1:
        axis = tensor.quantization.axis
        if not 0 <= axis < values.ndim or values.shape[axis] != zeros.size:
            raise ValueError(f"tensor {tensor.name[:80]!r} has {zeros.size} zero points along axis {axis}")
        zeros = zeros.reshape([-1 if place == axis else 1 for place in range(values.ndim)])
    return np.asarray(values != zeros)


def _stored(data: memoryview, kind: NumberType, count: int | None) -> NDArray[Any]:
    """Return the stored values in one dimension; those of fewer than 8 bits are unpacked, `count` of them if given.

    Example: the byte 0x2F holds the int4 values -1 (0xF) and 2.
    """
    if len(data) % np.dtype(kind.stored).itemsize:
        raise ValueError(f"{len(data)} bytes of {kind.name}")
    values: NDArray[Any] = np.frombuffer(data, kind.stored)
    if kind.bits >= 8:
        return values
    shifts = np.arange(0, 8, kind.bits, dtype=np.uint8)
    values = ((values[:, None] >> shifts) & ((1 << kind.bits) - 1)).reshape(-1)
    if count is not None and 0 <= values.size - count < len(shifts):
        values = values[:count]
    if kind.name in _SIGNED:
        values = values.astype(np.int8)
        values[values >= 1 << (kind.bits - 1)] -= 1 << kind.bits
    return values
