"""A .tflite file in LiteRT's C interface: a compiled model whose profiler tells the time of each operator."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sqnxt_export._libraries import quiet_stderr
from sqnxt_export.errors import ExportError
from sqnxt_export.runtimes.feeds import Feed, feed_values, fixed_shape
from sqnxt_export.runtimes.litert_library import (
    PAYLOAD_DELETER,
    Layout,
    LiteRtError,
    LiteRtLibrary,
    ProfiledEvent,
    RankedTensorType,
)

OPERATOR, DELEGATED = 1 << 1, 1 << 3
"""Kinds of events: an operator of the file in a kernel of LiteRT's own; an operator of a delegate."""
_ALIGNMENT = 64  # bytes, of memory that LiteRT is given
_CPU = 1 << 0  # of the accelerators
_TYPES = {
    1: "float32", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 8: "complex64", 9: "int8", 10: "float16",
    11: "float64", 13: "uint64", 16: "uint32", 17: "uint16",
}  # fmt: skip
"""TensorFlow Lite's numbers of types."""
_KEEP = PAYLOAD_DELETER(lambda _: None)
"""Leaves the text of an option to Python, which frees it."""


class Event(NamedTuple):
    """The time that an operator took, in µs cut to a whole number; `node` is its index, in the file or the delegate."""

    kind: int
    tag: str
    node: int
    subgraph: int
    microseconds: int


class LiteRtModel:
    """A compiled model on the CPU, with seeded values as its inputs; a context manager.

    It is compiled as LiteRT's interpreter does it by default: XNNPACK takes what it can, and both give equal outputs.
    """

    def __init__(
        self, path: Path, *, threads: int, sides: Mapping[str, Sequence[int]], dims: Mapping[str, int]
    ) -> None:
        """Compile a file.

        Args:
            path: A file that `check_artifact` has checked.
            threads: Number of threads.
            sides: Name of each input -> its sides, -1 where one is free; LiteRT does not tell all that are.
            dims: Sizes of free sides, see `open_timed`; others are one.

        Raises:
            ExportError: LiteRT refuses the file, or its C interface is absent or unknown.
        """
        self._path, self._library, self._stack = path, LiteRtLibrary(), ExitStack()
        self._arrays: list[NDArray[Any]] = []
        try:
            with quiet_stderr():
                self._open(threads, sides, dims)
        except LiteRtError as error:
            self.close()
            raise self._refusal(error) from error
        except ExportError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free what the library holds."""
        with quiet_stderr():
            self._stack.close()

    def run(self) -> None:
        """Run the model once.

        Raises:
            ExportError: LiteRT fails.
        """
        inputs, outputs = self._inputs, self._outputs
        try:
            self._library.call("LiteRtRunCompiledModel", self._model, 0, len(inputs), inputs, len(outputs), outputs)
        except LiteRtError as error:
            raise self._refusal(error) from error

    def profiled_run(self) -> list[Event]:
        """Run the model once, and return its events in the order of execution.

        Raises:
            ExportError: LiteRT fails.
        """
        library, count = self._library, ctypes.c_int()
        try:
            library.call("LiteRtStartProfiler", self._profiler)  # forgets what it knew
            self.run()
            library.call("LiteRtStopProfiler", self._profiler)
            library.call("LiteRtGetNumProfilerEvents", self._profiler, ctypes.byref(count))
            events = (ProfiledEvent * max(count.value, 1))()
            if count.value:
                library.call("LiteRtGetProfilerEvents", self._profiler, count, events)
        except LiteRtError as error:
            raise self._refusal(error) from error
        return [
            Event(one.kind, (one.tag or b"").decode(errors="replace"), one.node, one.subgraph, one.elapsed_us)
            for one in events[: count.value]
        ]

    def _open(self, threads: int, sides: Mapping[str, Sequence[int]], dims: Mapping[str, int]) -> None:
        environment = self._made("LiteRtDestroyEnvironment", "LiteRtCreateEnvironment", 0, None)
        name = str(self._path).encode()
        file = self._made("LiteRtDestroyModel", "LiteRtCreateModelFromFile", environment, name)
        options = self._made("LiteRtDestroyOptions", "LiteRtCreateOptions")
        self._library.call("LiteRtSetOptionsHardwareAccelerators", options, _CPU)
        self._set(options, "runtime_options_string", "enable_profiling = true\n")
        self._set(options, "xnnpack", f"num_threads = {threads}\n")
        create = "LiteRtCreateCompiledModel"
        self._model = self._made("LiteRtDestroyCompiledModel", create, environment, file, options)
        self._profiler = self._library.made("LiteRtCompiledModelGetProfiler", self._model)
        if not self._profiler:
            raise LiteRtError("the compiled model has no profiler")
        signature = self._library.made("LiteRtGetModelSignature", file, 0)
        self._inputs = self._given(signature, sides, dims)
        self._outputs = self._received(signature)

    def _set(self, options: ctypes.c_void_p, name: str, text: str) -> None:
        payload = ctypes.create_string_buffer(text.encode())
        self._stack.callback(lambda: payload)  # alive as long as the model
        pointer = ctypes.cast(payload, ctypes.c_void_p)
        opaque = self._library.made("LiteRtCreateOpaqueOptions", name.encode(), pointer, _KEEP)
        self._library.call("LiteRtAddOpaqueOptions", options, opaque)

    def _given(self, signature: ctypes.c_void_p, known: Mapping[str, Sequence[int]], dims: Mapping[str, int]) -> Any:
        """Return a buffer with seeded values for each input, with its free sides set."""
        buffers = []
        for place, tensor in enumerate(self._tensors(signature, "Input")):
            kind, sides = self._type(tensor)
            name = self._name(tensor)
            feed = Feed(name, _TYPES.get(kind, f"number {kind}"), known.get(name, sides))
            shape = fixed_shape(feed, dims)
            if feed.free:
                resized = (ctypes.c_int * len(shape))(*shape)
                self._library.call("LiteRtCompiledModelResizeInputTensor", self._model, 0, place, resized, len(shape))
            buffers.append(self._buffer(kind, shape, feed_values(self._path, feed, shape)))
        return (ctypes.c_void_p * len(buffers))(*buffers)

    def _received(self, signature: ctypes.c_void_p) -> Any:
        """Return a buffer for each output."""
        tensors = self._tensors(signature, "Output")
        layouts = (Layout * len(tensors))()
        self._library.call("LiteRtGetCompiledModelOutputTensorLayouts", self._model, 0, len(tensors), layouts, True)
        buffers = []
        for tensor, layout in zip(tensors, layouts, strict=True):
            kind, _ = self._type(tensor)
            if kind not in _TYPES:
                raise LiteRtError(f"an output is of type number {kind}")
            shape = tuple(layout.dimensions[: layout.rank])
            buffers.append(self._buffer(kind, shape, np.zeros(shape, _TYPES[kind])))
        return (ctypes.c_void_p * len(buffers))(*buffers)

    def _tensors(self, signature: ctypes.c_void_p, which: str) -> list[ctypes.c_void_p]:
        count, get = ctypes.c_size_t(), f"LiteRtGetSignature{which}TensorByIndex"
        self._library.call(f"LiteRtGetNumSignature{which}s", signature, ctypes.byref(count))
        return [self._library.made(get, signature, place) for place in range(count.value)]

    def _type(self, tensor: ctypes.c_void_p) -> tuple[int, list[int]]:
        """Return the number of a tensor's type, and its sides."""
        found = RankedTensorType()
        self._library.call("LiteRtGetRankedTensorType", tensor, ctypes.byref(found))
        return found.element_type, list(found.layout.dimensions[: found.layout.rank])

    def _name(self, tensor: ctypes.c_void_p) -> str:
        name = ctypes.c_char_p()
        self._library.call("LiteRtGetTensorName", tensor, ctypes.byref(name))
        return (name.value or b"").decode(errors="replace")

    def _buffer(self, kind: int, shape: tuple[int, ...], values: NDArray[Any]) -> int | None:
        """Return a buffer that holds `values`, in memory of Python's."""
        values = np.ascontiguousarray(values)
        memory = np.zeros(max(values.nbytes, 1) + _ALIGNMENT, np.uint8)
        memory = memory[-memory.ctypes.data % _ALIGNMENT :][: max(values.nbytes, 1)]
        memory[: values.nbytes] = values.reshape(-1).view(np.uint8)
        self._arrays.append(memory)
        layout = Layout(rank=len(shape), dimensions=(ctypes.c_int32 * 8)(*shape))
        described = RankedTensorType(element_type=kind, layout=layout)
        size = math.prod(shape) * values.itemsize
        create = "LiteRtCreateTensorBufferFromHostMemory"
        return self._made(
            "LiteRtDestroyTensorBuffer", create, ctypes.byref(described), memory.ctypes.data, size, None
        ).value

    def _made(self, destroy: str, create: str, *arguments: Any) -> ctypes.c_void_p:
        """Return a handle that `close` frees."""
        handle = self._library.made(create, *arguments)
        self._stack.callback(self._library.free, destroy, handle)
        return handle

    def _refusal(self, error: LiteRtError) -> ExportError:
        return ExportError(self._path, f"LiteRT's profiler refuses it ({error})", "measure it without its layers")
