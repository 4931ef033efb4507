"""Free dimensions of a graph, fixed by the batch, the input size and the named sizes that the caller gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from onnx import TensorShapeProto, ValueInfoProto

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.frontend.sizes import InputSizes

_Dimension = TensorShapeProto.Dimension

# Exporters write these where a dimension has no name: two of them may have different sizes.
_NO_NAMES = frozenset({"?", "None"})
_LONGEST_NAME = 60


def fix_free_dimensions(inputs: list[ValueInfoProto], path: Path, sizes: InputSizes) -> dict[str, int]:
    """Write the requested sizes into the network's inputs; a named dimension has the same size wherever it occurs.

    Returns:
        Sizes by name of the dimension, for tensors that are declared elsewhere.

    Raises:
        SimulatorError: A size contradicts one that the file fixes, or a dimension is still free.
    """
    tensors = [value for value in inputs if value.type.HasField("tensor_type")]
    named: dict[str, int] = {}
    for name, size in sizes.dims.items():
        _fix(_named_axes(tensors, name, path), size, "dims", path, named)
    for value in tensors:
        fix_named(value, named)
    if sizes.batch is not None:
        _fix(_batch_axes(tensors), sizes.batch, "batch", path, named)
    if sizes.map_size is not None:
        for value in _maps(tensors):
            for axis, size in _map_axes(value, sizes.map_size, path):
                _fix([(value, axis)], size, "input_size", path, named)
    for value in tensors:
        fix_named(value, named)
    for value in tensors:
        _refuse_free_dimensions(value, path)
    return named


def fix_named(value: ValueInfoProto, named: dict[str, int]) -> None:
    """Write the sizes of named dimensions into a declared tensor."""
    for dim in value.type.tensor_type.shape.dim:
        if dim.dim_param in named and dim.dim_param not in _NO_NAMES:
            dim.dim_value = named[dim.dim_param]


def _named_axes(tensors: list[ValueInfoProto], name: str, path: Path) -> list[tuple[ValueInfoProto, int]]:
    """Return the free axes that are called so, or the one axis that `input:axis` means."""
    free = [(value, axis) for value in tensors for axis in _free_axes(value)]
    found = [(value, axis) for value, axis in free if value.type.tensor_type.shape.dim[axis].dim_param == name]
    found = found or [(value, axis) for value, axis in free if f"{value.name}:{axis}" == name]
    if not found:
        known = list(dict.fromkeys(_label(value, axis) for value, axis in free))
        raise SimulatorError(
            path,
            f"has no free dimension {name!r}",
            f"its free dimensions are {', '.join(known)}" if known else "leave out `dims`: every dimension is fixed",
        )
    return found


def _free_axes(value: ValueInfoProto) -> list[int]:
    return [axis for axis, dim in enumerate(value.type.tensor_type.shape.dim) if _is_free(dim)]


def _label(value: ValueInfoProto, axis: int) -> str:
    """Return what `dims` calls an axis: its name, or the input and the number of the axis if it has none."""
    name = value.type.tensor_type.shape.dim[axis].dim_param
    return f"{value.name}:{axis}"[-_LONGEST_NAME:] if name in ("", *_NO_NAMES) else name[:_LONGEST_NAME]


def _is_free(dim: _Dimension) -> bool:
    # Some exporters write -1 where they know no size.
    return not dim.HasField("dim_value") or dim.dim_value == -1


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
        is_named = dim.dim_param not in ("", *_NO_NAMES)
        if is_named and named.setdefault(dim.dim_param, size) != size:
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
    free = _free_axes(value)
    if free:
        names = [f"{axis} {tensor.shape.dim[axis].dim_param[:_LONGEST_NAME]!r}".removesuffix(" ''") for axis in free]
        raise SimulatorError(
            path, f"input {value.name!r} has a dynamic shape (axis {', '.join(names)})", _remedy(value, free)
        )
    for axis, dim in enumerate(tensor.shape.dim):
        if dim.dim_value < 1:
            raise SimulatorError(
                path, f"input {value.name!r} has size {dim.dim_value} along axis {axis}", "export with a positive one"
            )


def _remedy(value: ValueInfoProto, free: list[int]) -> str:
    """Return the parameters that fix the free axes of an input."""
    rank = len(value.type.tensor_type.shape.dim)
    sizes = ["`batch=1`"] if free[0] == 0 else []
    if free[-1] > 0 and rank in (3, 4):
        sizes.append(f"`input_size` ({'height and width' if rank == 4 else 'a length'})")
    labels = dict.fromkeys(_label(value, axis) for axis in free)
    named = f"`dims` ({', '.join(f'{label}=N' for label in labels)})"
    return f"fix it with {' or '.join([' and '.join(sizes), named] if sizes else [named])}"
