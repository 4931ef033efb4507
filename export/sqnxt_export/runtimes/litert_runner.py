"""Run .tflite files in LiteRT."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._runtime import quiet_stderr, require
from ..artifact.tflite_file import read_tflite
from ..errors import ExportError, one_line
from .runner import Runner, checked_shape


class LiteRtRunner(Runner):
    """A LiteRT interpreter, with its default delegate (XNNPACK). Integer inputs and outputs are converted here."""

    format = "tflite"
    runtime = "LiteRT"

    def __init__(self, path: Path, threads: int | None = None) -> None:
        interpreter = require("ai_edge_litert.interpreter", "to run a .tflite file")
        read_tflite(path)  # refuses garbage that the interpreter might not survive
        try:
            with quiet_stderr():
                self._interpreter = interpreter.Interpreter(model_path=str(path), num_threads=threads)
                self._interpreter.allocate_tensors()
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except Exception as error:
            raise ExportError(f"{path}: LiteRT refuses it ({one_line(error)}); export it again") from error
        if len(inputs) != 1 or not outputs or len(inputs[0]["shape"]) != 4:
            raise ExportError(f"{path}: has {len(inputs)} inputs; a network with one image as input is needed")
        self._input, self._output = inputs[0], outputs[0]
        self.stored_types = (np.dtype(self._input["dtype"]).name, np.dtype(self._output["dtype"]).name)
        self.resizable_batch = bool(self._input["shape_signature"][0] < 0)
        self.takes_pixels = self._input["dtype"] == np.uint8 and not self._input["quantization"][0]
        # A free batch is 1 until resized; running it one image at a time needs no new allocation.
        batch, *shape = (int(side) for side in self._input["shape"])
        version = importlib.metadata.version("ai-edge-litert")
        super().__init__(path, version, checked_shape(path, shape), batch)

    def _run_batch(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            self._interpreter.set_tensor(self._input["index"], _to_stored(images, self._input))
            self._interpreter.invoke()
            values = self._interpreter.get_tensor(self._output["index"])
        except Exception as error:
            raise ExportError(f"{self.path}: LiteRT failed ({one_line(error)}); export it again") from error
        return _from_stored(values, self._output)


def _to_stored(values: NDArray[np.float32], details: dict[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(details["dtype"])
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    scale, zero_point = details["quantization"]
    limits = np.iinfo(dtype)
    rounded = np.round(values / (scale or 1)) + zero_point
    return np.asarray(np.clip(rounded, limits.min, limits.max), dtype)


def _from_stored(values: NDArray[Any], details: dict[str, Any]) -> NDArray[np.float32]:
    if values.dtype.kind == "f":
        return values.astype(np.float32, copy=False)
    scale, zero_point = details["quantization"]
    return np.asarray((values.astype(np.float32) - zero_point) * (scale or 1), np.float32)
