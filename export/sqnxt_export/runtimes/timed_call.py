"""Artifacts with any inputs, opened for timing: seeded values of each input's own type and shape, nothing converted."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export._libraries import onnx_session, quiet_stderr, require
from sqnxt_export.artifact.files import existing_file, format_of
from sqnxt_export.errors import ExportError, one_line
from sqnxt_export.runtimes.feeds import Feed, feed_values, fixed_shape, onnx_type

_NO_DIMS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimedModel:
    """An artifact that is ready to be timed.

    Attributes:
        call: Makes the runtime run once on the same values; it returns nothing that is needed.
        runtime: Name of the library.
        version: Its version.
        provider: The part of it that executes the graph.
        options: Session options of onnxruntime.
        batch: First side of the first input.
        shapes: Name of each input -> the shape that was timed.
        set_dims: Names of the free sides that were set, with their sizes.
    """

    call: Callable[[], object]
    runtime: str
    version: str
    provider: str
    options: Mapping[str, str]
    batch: int
    shapes: Mapping[str, tuple[int, ...]]
    set_dims: Mapping[str, int]


def open_timed(
    path: Path, *, threads: int, options: Mapping[str, str] = MappingProxyType({}), dims: Mapping[str, int] = _NO_DIMS
) -> TimedModel:
    """Open an .onnx or .tflite file that `check_artifact` has checked, with any number of inputs of any type.

    Args:
        path: The file.
        threads: Number of threads.
        options: Session options of onnxruntime.
        dims: Sizes of free sides, by their name or by "input:axis"; others are one.

    Raises:
        ExportError: The runtime refuses the file or the sizes, or a name of `dims` is no free side of it.
    """
    path = existing_file(path)
    return _open_onnx(path, threads, options, dims) if format_of(path) == "onnx" else _open_tflite(path, threads, dims)


def _open_onnx(path: Path, threads: int, options: Mapping[str, str], dims: Mapping[str, int]) -> TimedModel:
    runtime = require("onnxruntime", "to run an .onnx file")
    try:
        session = onnx_session(str(path), threads=threads, options=options)
    except ExportError:
        raise
    except Exception as error:  # onnxruntime's classes share no base class of their own
        raise ExportError(path, f"onnxruntime refuses it ({one_line(error)})", "export it again") from error
    feeds = [Feed(item.name, onnx_type(item.type), item.shape) for item in session.get_inputs()]
    shapes, chosen = _shapes(path, feeds, dims)
    values = {feed.name: feed_values(path, feed, shapes[feed.name]) for feed in feeds}

    def call() -> object:
        try:
            return session.run(None, values)
        except Exception as error:
            remedy = "give sizes of its free sides with `dim`" if chosen else "export it again"
            raise ExportError(path, f"onnxruntime failed ({one_line(error)})", remedy) from error

    return TimedModel(
        call=call,
        runtime="onnxruntime",
        version=runtime.__version__,
        provider=", ".join(session.get_providers()),
        options=options,
        batch=_batch(shapes),
        shapes=shapes,
        set_dims=chosen,
    )


def _open_tflite(path: Path, threads: int, dims: Mapping[str, int]) -> TimedModel:
    from sqnxt_export.runtimes.litert_runner import provider_of

    runtime = require("ai_edge_litert.interpreter", "to run a .tflite file")
    try:
        with quiet_stderr():
            interpreter = runtime.Interpreter(model_path=str(path), num_threads=threads)
    except Exception as error:
        raise ExportError(path, f"LiteRT refuses it ({one_line(error)})", "export it again") from error
    inputs = interpreter.get_input_details()
    feeds = [Feed(item["name"], np.dtype(item["dtype"]).name, _sides(item)) for item in inputs]
    shapes, chosen = _shapes(path, feeds, dims)
    try:
        with quiet_stderr():
            for item, feed in zip(inputs, feeds, strict=True):
                if feed.free:
                    interpreter.resize_tensor_input(item["index"], shapes[feed.name])
            interpreter.allocate_tensors()
            for item, feed in zip(inputs, feeds, strict=True):
                interpreter.set_tensor(item["index"], feed_values(path, feed, shapes[feed.name]))
    except ExportError:
        raise
    except Exception as error:
        raise ExportError(path, f"LiteRT refuses its inputs ({one_line(error)})", "give sizes with `dim`") from error

    def call() -> object:
        try:
            return interpreter.invoke()
        except Exception as error:
            raise ExportError(path, f"LiteRT failed ({one_line(error)})", "export it again") from error

    return TimedModel(
        call=call,
        runtime="LiteRT",
        version=importlib.metadata.version("ai-edge-litert"),
        provider=provider_of(interpreter),
        options={},
        batch=_batch(shapes),
        shapes=shapes,
        set_dims=chosen,
    )


def _sides(details: Mapping[str, Any]) -> list[int]:
    signature: NDArray[Any] = details["shape_signature"]
    sides = signature if len(signature) else details["shape"]
    return [int(side) for side in sides]


def _shapes(
    path: Path, feeds: Sequence[Feed], dims: Mapping[str, int]
) -> tuple[dict[str, tuple[int, ...]], dict[str, int]]:
    """Return the shape of each input, and the free sides that were set.

    Raises:
        ExportError: A name of `dims` is no free side.
    """
    free = {name for feed in feeds for names in feed.free.values() for name in names}
    if strange := sorted(set(dims) - free):
        known = ", ".join(sorted(free)) or "none"
        raise ExportError(path, f"has no free side {strange[0]!r}", f"its free sides are: {known}")
    shapes, chosen = {}, {}
    for feed in feeds:
        shapes[feed.name] = fixed_shape(feed, dims)
        for axis, names in feed.free.items():
            chosen[names[0]] = shapes[feed.name][axis]
    return shapes, chosen


def _batch(shapes: Mapping[str, tuple[int, ...]]) -> int:
    first = next(iter(shapes.values()), ())
    return first[0] if first else 1
