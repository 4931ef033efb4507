"""Inputs and outputs of models: their descriptions, and arrays that are handed over one per input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[Any] | Sequence[NDArray[Any]]
"""One array [n, ...] for a model with one input, or a sequence with one array per input, in the model's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """An input or output of a model.

    Attributes:
        name: Its name.
        shape: Sides of one sample, without the batch, in the order of the Keras model (channels last, unless the model
            itself is channels-first). A side that is not known is -1, which only outputs have.
        dtype: NumPy's name of the type of its values; those of a quantised tensor are real numbers, "float32".
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"

    @property
    def is_image(self) -> bool:
        """Whether a sample may be an image: real numbers in height, width and channels."""
        return len(self.shape) == 3 and self.dtype in ("float32", "uint8")


def as_arrays(samples: Samples) -> tuple[NDArray[Any], ...]:
    """Return samples as a tuple with one array per input."""
    return (samples,) if isinstance(samples, np.ndarray) else tuple(np.asarray(array) for array in samples)


def seeded_noise(inputs: Sequence[TensorInfo], count: int, seed: int = 0) -> tuple[NDArray[Any], ...]:
    """Return seeded random values for each input, [count, ...]: normal real numbers, 0 or 1 for integers and booleans.

    Zero and one are safe for integers that are indices, of whose range a file says nothing.
    """
    random = np.random.default_rng(seed)
    return tuple(
        np.asarray(
            random.normal(size=(count, *info.shape))
            if info.dtype.startswith("float")
            else random.integers(0, 2, (count, *info.shape)),
            info.dtype,
        )
        for info in inputs
    )
