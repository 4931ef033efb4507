"""Free dimensions of a graph, fixed by the batch and the input size that the caller gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from numbers import Integral
from pathlib import Path

from onnx import TensorShapeProto, ValueInfoProto

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.workload import MAX_MAP_SIZE

_Dimension = TensorShapeProto.Dimension


def checked_batch(value: object, path: Path) -> int:
    """Return a caller's batch as an integer.

    Raises:
        SimulatorError: It is not a whole number, or out of range.
    """
    return _size(value, "batch", path)


def checked_map_size(value: object, path: Path) -> tuple[int, int]:
    """Return the height and width of a caller's input size, which is one side or both.

    Raises:
        SimulatorError: It is neither, or out of range.
    """
    if isinstance(value, Integral):
        value = (value, value)
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise SimulatorError(path, f"input_size is {value!r}", "give a side in pixels, or (height, width)")
    return _size(value[0], "height", path), _size(value[1], "width", path)


def fix_free_dimensions(
    inputs: list[ValueInfoProto], path: Path, batch: int | None, input_size: tuple[int, int] | None
) -> dict[str, int]:
    """Write the requested sizes into the network's inputs; a named dimension has the same size wherever it occurs.

    Returns:
        Sizes by name of the dimension, for tensors that are declared elsewhere.

    Raises:
        SimulatorError: A size contradicts one that the file fixes, or a dimension is still free.
    """
    tensors = [value for value in inputs if value.type.HasField("tensor_type")]
    named: dict[str, int] = {}
    if batch is not None:
        _fix(_batch_axes(tensors), batch, "batch", path, named)
    if input_size is not None:
        for value in _maps(tensors):
            for axis, size in _map_axes(value, input_size, path):
                _fix([(value, axis)], size, "input_size", path, named)
    for value in tensors:
        fix_named(value, named)
        _refuse_free_dimensions(value, path)
    return named


def fix_named(value: ValueInfoProto, named: dict[str, int]) -> None:
    """Write the sizes of named dimensions into a declared tensor."""
    for dim in value.type.tensor_type.shape.dim:
        if dim.dim_param in named:
            dim.dim_value = named[dim.dim_param]


def _size(value: object, parameter: str, path: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise SimulatorError(path, f"{parameter} is {value!r}", "give a whole number")
    size = int(value)
    if not 1 <= size <= MAX_MAP_SIZE:
        raise SimulatorError(path, f"{parameter} {size} is out of range", f"give one in 1..{MAX_MAP_SIZE}")
    return size


def _is_free(dim: _Dimension) -> bool:
    return not dim.HasField("dim_value")


def _batch_axes(tensors: Iterable[ValueInfoProto]) -> list[tuple[ValueInfoProto, int]]:
    """Return the first axes that are free; if none are, all first axes, so that a contradiction is reported."""
    first = [(value, 0) for value in tensors if len(value.type.tensor_type.shape.dim) >= 2]
    return [(value, 0) for value, _ in first if _is_free(value.type.tensor_type.shape.dim[0])] or first


def _maps(tensors: list[ValueInfoProto]) -> list[ValueInfoProto]:
    """Return the inputs that are 2-D maps; if there are none, those that may be 1-D maps."""
    by_rank = {rank: [value for value in tensors if len(value.type.tensor_type.shape.dim) == rank] for rank in (3, 4)}
    return by_rank[4] or by_rank[3]


def _map_axes(value: ValueInfoProto, input_size: tuple[int, int], path: Path) -> Iterator[tuple[int, int]]:
    """Yield (axis, size) of each side of a 2-D map (rank 4) or a 1-D map (rank 3)."""
    dims = value.type.tensor_type.shape.dim
    # Channels come last only if the dimensions show it: the last one is fixed and the second one is free.
    first = 1 if _is_free(dims[1]) and not _is_free(dims[-1]) else 2
    if not any(map(_is_free, dims[1:])):
        first = 1 if dims[-1].dim_value < dims[1].dim_value else 2
    if len(dims) == 3 and input_size[0] != input_size[1]:
        raise SimulatorError(
            path,
            f"input {value.name!r} is a map of one dimension, not {input_size[0]}x{input_size[1]}",
            "give `input_size` as a single side",
        )
    for offset in range(len(dims) - 2):
        yield first + offset, input_size[offset]


def _fix(
    axes: Iterable[tuple[ValueInfoProto, int]], size: int, parameter: str, path: Path, named: dict[str, int]
) -> None:
    for value, axis in axes:
        dim = value.type.tensor_type.shape.dim[axis]
        if not _is_free(dim) and dim.dim_value != size:
            raise SimulatorError(
                path,
                f"input {value.name!r} is fixed at {dim.dim_value} along axis {axis}, not {size}",
                f"leave out `{parameter}`, or export the model at that size",
            )
        if dim.dim_param and named.setdefault(dim.dim_param, size) != size:
            raise SimulatorError(
                path,
                f"input {value.name!r} calls axis {axis} {dim.dim_param!r}, which is {named[dim.dim_param]} "
                f"elsewhere, not {size}",
                "give equal sizes, or export the model at fixed ones",
            )
        dim.dim_value = size


def _refuse_free_dimensions(value: ValueInfoProto, path: Path) -> None:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        raise SimulatorError(path, f"input {value.name!r} has no shape", "export the model with a static one")
    free = [axis for axis, dim in enumerate(tensor.shape.dim) if _is_free(dim)]
    if free:
        remedies = ["`batch=1`"] if free[0] == 0 else []
        if free[-1] > 0 and len(tensor.shape.dim) in (3, 4):
            remedies.append(f"`input_size` ({'height and width' if len(tensor.shape.dim) == 4 else 'a length'})")
        remedies = [f"fix it with {' and '.join(remedies)}"] if remedies else []
        raise SimulatorError(
            path,
            f"input {value.name!r} has a dynamic shape (axis {', '.join(map(str, free))})",
            " or ".join([*remedies, "export it with a static shape"]),
        )
    for axis, dim in enumerate(tensor.shape.dim):
        if dim.dim_value < 1:
            raise SimulatorError(
                path, f"input {value.name!r} has size {dim.dim_value} along axis {axis}", "export with a positive one"
            )
