"""How real values become integers: the scale and the zero point of each activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export.quantise.calibration import Ranges
from sqnxt_export.quantise.graph_edit import GraphEdit

_MOVES = ("Flatten", "Reshape", "Transpose", "Slice")
_SAME_SCALE = ("MaxPool", "GlobalMaxPool", *_MOVES)
"""Operators whose output contains only values of the input: integer kernels want one scale on both sides."""
_FUSES_CLIPPING = ("Conv", "Gemm", "Add")
_CLIPPING = ("Relu", "Clip")
_OTHER_OPS = ("Mul", "AveragePool", "GlobalAveragePool", "Concat", "LeakyRelu", "Sigmoid")
INTEGER_OPS = (*_FUSES_CLIPPING, *_CLIPPING, *_SAME_SCALE, *_OTHER_OPS)
"""Operators that onnxruntime has 8-bit integer kernels for."""
_WORTH_SHIFTING = 0.75
"""A range gets a shifted zero point if it takes less than this fraction of the symmetric range around it."""


@dataclass(frozen=True, slots=True)
class IntegerScale:
    """The mapping of integers to real values: `scale * (integer - zero_point)`.

    The zero point is a NumPy integer of the stored type.
    """

    scale: float
    zero_point: Any


def headroom16(samples: int) -> float:
    """Return the factor that widens calibrated 16-bit ranges, so that unseen samples do not clip.

    The factor falls with the number of samples, since more samples know the range better: 64 samples give 3.75, 512
    give 2. Sixteen bits can afford headroom, but not without limit, because the rounding error grows with the factor.
    On digits, unseen samples exceeded the ranges of 64 samples by a factor of 3 to 4, and those of 512 by 1.6. A value
    that clips costs twenty times what the rounding does, and doubling the range costs only a fifth more.
    """
    return min(1.75 + 128 / samples, 4.0)


def activation16(low: float, high: float, headroom: float, bound: float) -> IntegerScale:
    """Return the int16 scale of a range: symmetric, or over all integers if that makes the steps much finer.

    The scale covers `headroom` times the range that was observed, but no more than the operator's own `bound`. No value
    is negative after a Relu, and few are after a Swish or a leaky Relu.

    Worked example: a Relu's range 0 to 2, doubled, is 0 to 4. It takes half of the symmetric range -4 to 4, so it is
    shifted: the scale is 4 / 65535, and zero is the integer -32768.
    """
    below, above = (min(side * headroom, bound) for side in (-low, high))
    if below + above > _WORTH_SHIFTING * 2 * max(below, above):
        return IntegerScale(_safe(max(below, above) / 32767), np.int16(0))
    scale = _safe((below + above) / 65535)
    return IntegerScale(scale, np.int16(np.clip(round(below / scale) - 32768, -32768, 32767)))


def activation8(low: float, high: float) -> IntegerScale:
    """Return the unsigned 8-bit scale from `low` to `high`, where low <= 0 <= high, so that zero is an integer.

    The integers are unsigned because with signed activations onnxruntime leaves a fifth of a residual network's
    convolutions and every addition in float (found with 1.31: 1.3x float32's time, where unsigned takes at most 0.9x).

    Worked example: -1 to 4 has the scale 5 / 255, and zero is the integer 51.
    """
    scale = _safe((high - low) / 255)
    return IntegerScale(scale, np.uint8(np.clip(round(-low / scale), 0, 255)))


def reads_integers(edit: GraphEdit, node: onnx.NodeProto, wide: frozenset[str]) -> bool:
    """Tell whether an operator reads 8-bit integers: it has weights or an integer kernel, and is not in `wide`."""
    return (node.op_type in INTEGER_OPS or edit.is_weighted(node)) and node.name not in wide


def int8_scales(edit: GraphEdit, ranges: Ranges, wide: frozenset[str]) -> dict[str, IntegerScale]:
    """Return the scale of each activation that an integer operator reads or a clipping operator writes, by tensor name.

    Args:
        edit: The float32 graph.
        ranges: The range of each activation.
        wide: Names of the operators that stay wider than 8 bits; the activations of these are left out.
    """
    readers: dict[str, list[onnx.NodeProto]] = {}
    wanted: set[str] = set()
    for node in reversed(edit.graph.node):
        # Operators that only move values use integers only on the way to an operator that computes with them.
        if reads_integers(edit, node, wide) and (node.op_type not in _MOVES or node.output[0] in wanted):
            wanted.update(node.input)
        for name in node.input:
            readers.setdefault(name, []).append(node)
    producers = {name: node for node in edit.graph.node for name in node.output}
    scales: dict[str, IntegerScale] = {}
    for tensor in (*(value.name for value in edit.graph.input), *producers):
        producer = producers.get(tensor)
        # Only real numbers have a range: shapes and indices, which are integers already, have none.
        if tensor not in wanted or tensor not in ranges or _is_clipped_next(producer, readers[tensor]):
            continue
        moves = producer is not None and producer.op_type in _SAME_SCALE and producer.name not in wide
        if producer is not None and moves and producer.input[0] in scales:
            scales[tensor] = scales[producer.input[0]]
        else:
            scales[tensor] = activation8(*ranges[tensor])
    return scales


def _is_clipped_next(producer: onnx.NodeProto | None, reading: list[onnx.NodeProto]) -> bool:
    """Tell whether the tensor exists only between an operator and the Relu or Clip that folds into it."""
    alone = len(reading) == 1 and reading[0].op_type in _CLIPPING
    return alone and producer is not None and producer.op_type in _FUSES_CLIPPING


def _safe(scale: float) -> float:
    """Return a scale that can divide: 1 for a tensor of zeros."""
    return float(divisible(np.array(scale)))


def divisible(scales: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return scales that can divide: 1 for a channel of zeros."""
    return np.where(scales > np.finfo(np.float32).tiny, scales, 1.0).astype(np.float32)
