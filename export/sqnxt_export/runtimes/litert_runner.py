"""The runner of .tflite files in LiteRT."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export._libraries import quiet_stderr, require
from sqnxt_export.artifact.tflite_file import read_tflite
from sqnxt_export.errors import ExportError, one_line
from sqnxt_export.runtimes.runner import Runner
from sqnxt_export.runtimes.tensors import Samples, TensorInfo


class LiteRtRunner(Runner):
    """A LiteRT interpreter with its default delegate (XNNPACK). Integer inputs and outputs are converted to float."""

    format = "tflite"
    runtime = "LiteRT"

    def __init__(self, path: Path, threads: int | None = None, *, checked: bool = False) -> None:
        interpreter = require("ai_edge_litert.interpreter", "to run a .tflite file")
        if not checked:
            read_tflite(path)  # refuses damaged files that could end the process
        try:
            with quiet_stderr():
                self._interpreter = interpreter.Interpreter(model_path=str(path), num_threads=threads)
                self._interpreter.allocate_tensors()
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except Exception as error:
            raise ExportError(path, f"LiteRT refuses it ({one_line(error)})", "export it again") from error
        if not inputs or not outputs:
            raise ExportError(path, f"has {len(inputs)} inputs and {len(outputs)} outputs", "export it again")
        self._details = inputs, outputs
        self.stored_types = (np.dtype(inputs[0]["dtype"]).name, np.dtype(outputs[0]["dtype"]).name)
        signature = inputs[0]["shape_signature"]
        self.resizable_batch = bool(len(signature) and signature[0] < 0)
        raw = inputs[0]["dtype"] == np.uint8 and not inputs[0]["quantization"][0]
        self.takes_pixels = len(inputs) == 1 and bool(raw) and len(inputs[0]["shape"]) == 4
        # A free batch is 1 until resized; running it one image at a time needs no new allocation.
        batch = int(inputs[0]["shape"][0]) if len(inputs[0]["shape"]) else None
        self.provider = _provider(self._interpreter)
        version = importlib.metadata.version("ai-edge-litert")
        super().__init__(path, version, [_described(item) for item in inputs], [_described(o) for o in outputs], batch)

    def call(self, samples: Samples) -> Callable[[], object]:
        """Prepare a call, see `Runner.call`; values are converted to the file's type beforehand."""
        given = self._converted(self._filled(self._checked(samples)))
        return lambda: self._invoke(given)

    def _run_batch(self, arrays: tuple[NDArray[Any], ...]) -> list[NDArray[Any]]:
        values = self._invoke(self._converted(arrays))
        return [_from_stored(value, item) for value, item in zip(values, self._details[1], strict=True)]

    def _converted(self, arrays: tuple[NDArray[Any], ...]) -> list[NDArray[Any]]:
        return [_to_stored(array, item) for array, item in zip(arrays, self._details[0], strict=True)]

    def _invoke(self, given: list[NDArray[Any]]) -> list[NDArray[Any]]:
        inputs, outputs = self._details
        try:
            for item, values in zip(inputs, given, strict=True):
                self._interpreter.set_tensor(item["index"], values)
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(item["index"]) for item in outputs]
        except Exception as error:
            raise ExportError(self.path, f"LiteRT failed ({one_line(error)})", "export it again") from error


def _described(details: dict[str, Any]) -> TensorInfo:
    """Return what LiteRT says of an input or output; quantised values are converted to real ones."""
    dtype = np.dtype(details["dtype"])
    stored_as_is = dtype.kind == "f" or not details["quantization"][0]
    sides = tuple(int(side) for side in details["shape"][1:])
    return TensorInfo(name=details["name"], shape=sides, dtype=dtype.name if stored_as_is else "float32")


def _provider(interpreter: Any) -> str:
    """Return what executes the graph: LiteRT adds an operator DELEGATE for each part that XNNPACK takes over."""
    try:
        operators = [operator["op_name"] for operator in interpreter._get_ops_details()]
    except Exception:  # the interface is private and may be removed
        return "unknown"
    parts = operators.count("DELEGATE")
    return "built-in kernels" if not parts else "XNNPACK" if parts == 1 else f"XNNPACK in {parts} parts"


def _to_stored(values: NDArray[np.float32], details: dict[str, Any]) -> NDArray[Any]:
    """Convert real values to the type of a tensor: round(value / scale) + zero point for integers."""
    dtype = np.dtype(details["dtype"])
    if dtype.kind not in "iu" or values.dtype == dtype:
        return values.astype(dtype, copy=False)
    scale, zero_point = details["quantization"]
    limits = np.iinfo(dtype)
    rounded = np.round(values / (scale or 1)) + zero_point
    return np.asarray(np.clip(rounded, limits.min, limits.max), dtype)


def _from_stored(values: NDArray[Any], details: dict[str, Any]) -> NDArray[np.float32]:
    """Convert a tensor's values to real values: (integer - zero point) * scale for quantised ones."""
    scale, zero_point = details["quantization"]
    if values.dtype.kind not in "iu" or not scale:
        return values
    return np.asarray((values.astype(np.float32) - zero_point) * scale, np.float32)
