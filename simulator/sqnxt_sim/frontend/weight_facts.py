"""Facts about weights, in words that fit every file format: how many, at how many bits, and which are zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
"""True where a weight is not zero."""


class WeightFacts(NamedTuple):
    """Facts about a weight tensor: integer width (None for floats), mask of nonzero values (None if not known)."""

    bits: int | None
    mask: Mask | None = None

    @property
    def nonzero(self) -> int | None:
        """Number of nonzero weights; None if not known."""
        return None if self.mask is None else count_nonzero(self.mask)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerWeights:
    """The weights of one operand of a node: a kernel or a matrix, no bias, slope or scale.

    Attributes:
        layer: Name of the node.
        op: Its ONNX operator.
        operand: Number of the input that holds the weights; an LSTM has two such inputs.
        tensor: Name of the tensor that stores the values: in ONNX, an initializer or a Constant.
        shape: Sizes in the layout that the operator reads; None if only the graph's other shapes would tell.
        bits: Width of integers; None for floats.
        nonzero: Number of weights that are not zero; None if the graph computes the values.
    """

    layer: str
    op: str
    operand: int
    tensor: str
    shape: tuple[int, ...] | None
    bits: int | None
    nonzero: int | None

    @property
    def count(self) -> int | None:
        """Number of weights, zeros included; None if the shape is not known."""
        return None if self.shape is None else prod(self.shape)

    @property
    def zeros(self) -> int | None:
        """Number of weights that are zero; None if not known."""
        return None if self.nonzero is None or self.count is None else self.count - self.nonzero


def together(facts: Sequence[WeightFacts]) -> WeightFacts:
    """Return the facts about several tensors as about one; the mask is flat, and not known where one is not."""
    masks = [fact.mask.reshape(-1) for fact in facts if fact.mask is not None]
    return WeightFacts(bits=facts[0].bits, mask=np.concatenate(masks) if len(masks) == len(facts) else None)


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
