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
from sqnxt_export.image_batches import filled
from sqnxt_export.runtimes.runner import Runner, checked_shape


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
        if len(inputs) != 1 or not outputs or len(inputs[0]["shape"]) != 4:
            raise ExportError(path, f"has {len(inputs)} inputs", "give a network with one image as input")
        self._input, self._output = inputs[0], outputs[0]
        self.stored_types = (np.dtype(self._input["dtype"]).name, np.dtype(self._output["dtype"]).name)
        self.resizable_batch = bool(self._input["shape_signature"][0] < 0)
        self.takes_pixels = self._input["dtype"] == np.uint8 and not self._input["quantization"][0]
        # A free batch is 1 until resized; running it one image at a time needs no new allocation.
        batch, *shape = (int(side) for side in self._input["shape"])
        self.provider = _provider(self._interpreter)
        version = importlib.metadata.version("ai-edge-litert")
        super().__init__(path, version, checked_shape(path, shape), batch)

    def call(self, images: NDArray[np.float32]) -> Callable[[], object]:
        """Prepare a call, see `Runner.call`; values are converted to the file's type beforehand."""
        given = _to_stored(filled(self._checked(images), self.batch or len(images)), self._input)
        return lambda: self._invoke(given)

    def _run_batch(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        return _from_stored(self._invoke(_to_stored(images, self._input)), self._output)

    def _invoke(self, given: NDArray[Any]) -> NDArray[Any]:
        try:
            self._interpreter.set_tensor(self._input["index"], given)
            self._interpreter.invoke()
            values: NDArray[Any] = self._interpreter.get_tensor(self._output["index"])
        except Exception as error:
            raise ExportError(self.path, f"LiteRT failed ({one_line(error)})", "export it again") from error
        return values


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
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    scale, zero_point = details["quantization"]
    limits = np.iinfo(dtype)
    rounded = np.round(values / (scale or 1)) + zero_point
    return np.asarray(np.clip(rounded, limits.min, limits.max), dtype)


def _from_stored(values: NDArray[Any], details: dict[str, Any]) -> NDArray[np.float32]:
    """Convert a tensor's values to real values: (integer - zero point) * scale for integers."""
    if values.dtype.kind == "f":
        return values.astype(np.float32, copy=False)
    scale, zero_point = details["quantization"]
    return np.asarray((values.astype(np.float32) - zero_point) * (scale or 1), np.float32)
