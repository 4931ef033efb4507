"""Integer inputs and outputs of a file: their scale and zero point, and the conversion from and to real values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

_READS_INTEGERS = {"DequantizeLinear": (1, 2), "QLinearConv": (1, 2), "QLinearMatMul": (1, 2)}
"""Operator -> the places of scale and zero point of its first input."""
_WRITES_INTEGERS = {"QuantizeLinear": (1, 2), "QLinearConv": (6, 7), "QLinearMatMul": (6, 7)}
"""Operator -> the places of scale and zero point of its output."""


@dataclass(frozen=True, slots=True)
class Border:
    """The integers of an input or output, which stand for `scale * (integer - zero_point)`.

    Attributes:
        scale: The value of one step.
        zero_point: The integer that stands for zero.
        dtype: NumPy name of the integer type.
    """

    scale: float
    zero_point: int
    dtype: str

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest value that the integers stand for."""
        limits = np.iinfo(self.dtype)
        return (limits.min - self.zero_point) * self.scale, (limits.max - self.zero_point) * self.scale

    def stored(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return real values as integers: round(value / scale) + zero point, clipped."""
        limits = np.iinfo(self.dtype)
        rounded = np.round(np.asarray(values, np.float64) / self.scale) + self.zero_point
        return np.asarray(np.clip(rounded, limits.min, limits.max), self.dtype)

    def real(self, integers: NDArray[Any]) -> NDArray[np.float32]:
        """Return the real values of integers."""
        return np.asarray((integers.astype(np.float32) - self.zero_point) * self.scale, np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return scale, zero point and type."""
        return {"type": self.dtype, "scale": self.scale, "zero_point": self.zero_point}


def onnx_borders(model: onnx.ModelProto) -> Mapping[str, Border]:
    """Return name -> border of a graph's quantised inputs and outputs.

    An input is quantised if an operator reads it together with a scale; raw pixels go into a Cast instead.
    """
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    wanted = {value.name for value in (*model.graph.input, *model.graph.output)} - set(constants)
    found: dict[str, Border] = {}
    for node in model.graph.node:
        for tensors, table in ((node.input[:1], _READS_INTEGERS), (node.output[:1], _WRITES_INTEGERS)):
            if node.op_type in table and tensors and tensors[0] in wanted:
                border = _border(node, table[node.op_type], constants)
                if border is not None:
                    found.setdefault(tensors[0], border)
    return found


def _border(node: onnx.NodeProto, places: tuple[int, int], constants: Mapping[str, onnx.TensorProto]) -> Border | None:
    """Return the border that a node's scale and zero point describe; None if they are not constant or per channel."""
    if len(node.input) <= max(places):
        return None
    values = [constants[node.input[place]] for place in places if node.input[place] in constants]
    if len(values) < len(places):
        return None
    import onnx  # late: the runner of .tflite files needs none of it

    scale, zero_point = (onnx.numpy_helper.to_array(value) for value in values)
    if scale.size != 1 or zero_point.size != 1 or zero_point.dtype.kind not in "iu" or not scale.item() > 0:
        return None
    return Border(float(scale.item()), int(zero_point.item()), zero_point.dtype.name)
