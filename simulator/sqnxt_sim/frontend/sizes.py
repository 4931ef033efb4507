"""The sizes that a caller gives to free dimensions of a file, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.layer_limits import MAX_MAP_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSizes:
    """Sizes of free dimensions, checked; None leaves a dimension as it is.

    Attributes:
        batch: Size of the first axis of each input.
        map_size: Height and width of a map; the length of a 1-D map is both.
        dims: Sizes by name of the dimension, or by `input:axis`.
    """

    batch: int | None = None
    map_size: tuple[int, int] | None = None
    dims: Mapping[str, int] = field(default_factory=dict)


AS_THEY_ARE = InputSizes()
"""No size is given: every dimension must be fixed."""


def checked_sizes(path: Path, batch: object, input_size: object, dims: object) -> InputSizes:
    """Return a caller's sizes as `InputSizes`.

    Raises:
        SimulatorError: One is not a size.
    """
    return InputSizes(
        batch=None if batch is None else _size(batch, "batch", path),
        map_size=None if input_size is None else _map_size(input_size, path),
        dims={} if dims is None else _dims(dims, path),
    )


def _map_size(value: object, path: Path) -> tuple[int, int]:
    """Return a height and a width, of which one number stands for both."""
    if isinstance(value, Integral):
        value = (value, value)
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise SimulatorError(path, f"input_size is {value!r}", "give a side in pixels, or (height, width)")
    return _size(value[0], "height", path), _size(value[1], "width", path)


def _dims(value: object, path: Path) -> dict[str, int]:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise SimulatorError(path, f"dims is {value!r}", "give sizes by name, as in {'seq': 128}")
    return {name: _size(size, f"dimension {name!r}", path) for name, size in value.items()}


def _size(value: object, parameter: str, path: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise SimulatorError(path, f"{parameter} is {value!r}", "give a whole number")
    size = int(value)
    if not 1 <= size <= MAX_MAP_SIZE:
        raise SimulatorError(path, f"{parameter} {size} is out of range", f"give one in 1..{MAX_MAP_SIZE}")
    return size
