"""Seeded values for inputs of any type, with sizes for the sides that a file leaves free."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.errors import ExportError

_UNNAMED = ("", "?", "None", "unk", "-1")
"""What exporters write for a side without a name."""
_FLOATS = {"float": "float32", "float16": "float16", "double": "float64", "float32": "float32", "float64": "float64"}
_TEXTS = ("string", "str", "object", "bytes")
_MOST_VALUES = 1 << 29


@dataclass(frozen=True, slots=True)
class Feed:
    """An input: its name, its type by onnxruntime's or NumPy's name, and its sides, of which some may be free."""

    name: str
    dtype: str
    sides: Sequence[Any]

    @property
    def free(self) -> dict[int, tuple[str, ...]]:
        """Axis of each free side -> the names that it can be given by, the plainest one first."""
        found: dict[int, tuple[str, ...]] = {}
        for axis, side in enumerate(self.sides):
            if isinstance(side, int) and side > 0:
                continue
            place = f"{self.name}:{axis}"
            named = isinstance(side, str) and side not in _UNNAMED
            found[axis] = (side, place) if named else (place,)
        return found


def onnx_type(text: str) -> str:
    """Return the type of values that onnxruntime names, as in "float" for "tensor(float)"."""
    return text.removeprefix("tensor(").rstrip(")")


def fixed_shape(feed: Feed, dims: Mapping[str, int]) -> tuple[int, ...]:
    """Return the shape of an input: free sides have the size that `dims` gives them, else one."""
    free = feed.free
    return tuple(
        next((dims[name] for name in free[axis] if name in dims), 1) if axis in free else int(side)
        for axis, side in enumerate(feed.sides)
    )


def feed_values(path: Path, feed: Feed, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return seeded values: normal real numbers, bytes of all values, zero or one for wider integers, empty texts.

    Zero and one are safe for integers that are indices, of whose range a file says nothing.

    Raises:
        ExportError: The type is unknown, or the input would not fit in memory.
    """
    if math.prod(shape) > _MOST_VALUES:
        raise ExportError(path, f"takes {list(shape)} values at once, more than fit in memory", "give smaller sizes")
    random = np.random.default_rng(0)
    if feed.dtype in _FLOATS:
        return np.asarray(random.normal(size=shape), _FLOATS[feed.dtype])
    if feed.dtype in ("uint8", "int8"):
        limits = np.iinfo(feed.dtype)
        return random.integers(limits.min, limits.max + 1, shape).astype(feed.dtype)
    if feed.dtype in _TEXTS or feed.dtype.startswith(("S", "bytes", "str")):
        return np.full(shape, "", object)
    try:
        return np.asarray(random.integers(0, 2, shape), feed.dtype)
    except TypeError as error:
        raise ExportError(path, f"takes values of type {feed.dtype}", "time it with its own program") from error
