"""The runner of .tflite files in LiteRT."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export._libraries import quiet_stderr, require
from sqnxt_export.artifact.input_layout import FIRST, LAST, tflite_input_layout
from sqnxt_export.artifact.tflite_file import check_tflite
from sqnxt_export.errors import ExportError, one_line
from sqnxt_export.runtimes.borders import Border
from sqnxt_export.runtimes.runner import Runner
from sqnxt_export.runtimes.tensors import Samples, TensorInfo

_STATEFUL = ("LSTM", "RNN", "SVDF", "VAR_HANDLE")
"""Parts of the names of operators with a state."""


class LiteRtRunner(Runner):
    """A LiteRT interpreter with its default delegate (XNNPACK). Integer inputs and outputs are converted to float."""

    format = "tflite"
    runtime = "LiteRT"

    def __init__(
        self, path: Path, threads: int | None = None, *, checked: bool = False, layout: str | None = None
    ) -> None:
        interpreter = require("ai_edge_litert.interpreter", "to run a .tflite file")
        if not checked:
            check_tflite(path)  # refuses damaged files that could end the process
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
        found = layout or (None if checked else tflite_input_layout(path))
        image = len(inputs) == 1 and len(inputs[0]["shape"]) == 4
        self.layout_known = found is not None or not image
        self._is_first = image and found == FIRST
        self.layout = FIRST if self._is_first else LAST
        signature = inputs[0]["shape_signature"]
        self.resizable_batch = bool(len(signature) and signature[0] < 0)
        borders = {item["name"]: _border(item) for item in (*inputs, *outputs)}
        self.borders = {name: border for name, border in borders.items() if border is not None}
        raw = inputs[0]["dtype"] == np.uint8 and _border(inputs[0]) is None
        self.takes_pixels = len(inputs) == 1 and raw and len(inputs[0]["shape"]) == 4
        self._keeps_state = _keeps_state(self._interpreter)
        # A free batch is 1 until resized; running it one image at a time needs no new allocation.
        batch = int(inputs[0]["shape"][0]) if len(inputs[0]["shape"]) else None
        self.provider = provider_of(self._interpreter)
        version = importlib.metadata.version("ai-edge-litert")
        taken = [_described(item, channels_first=self._is_first) for item in inputs]
        super().__init__(path, version, taken, [_described(item) for item in outputs], batch)

    def call(self, samples: Samples) -> Callable[[], object]:
        """Prepare a call, see `Runner.call`; values are converted to the file's type beforehand."""
        given = self._converted(self._filled(self._checked(samples)))
        return lambda: self._invoke(given)

    def _run_batch(self, arrays: tuple[NDArray[Any], ...]) -> list[NDArray[Any]]:
        values = self._invoke(self._converted(arrays))
        return [_from_stored(value, item) for value, item in zip(values, self._details[1], strict=True)]

    def _converted(self, arrays: tuple[NDArray[Any], ...]) -> list[NDArray[Any]]:
        if self._is_first:
            arrays = (np.ascontiguousarray(np.moveaxis(arrays[0], -1, 1)),)
        return [_to_stored(array, item) for array, item in zip(arrays, self._details[0], strict=True)]

    def _invoke(self, given: list[NDArray[Any]]) -> list[NDArray[Any]]:
        inputs, outputs = self._details
        try:
            for item, values in zip(inputs, given, strict=True):
                self._interpreter.set_tensor(item["index"], values)
            if self._keeps_state:
                self._interpreter.reset_all_variables()
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(item["index"]) for item in outputs]
        except Exception as error:
            raise ExportError(self.path, f"LiteRT failed ({one_line(error)})", "export it again") from error


def _described(details: dict[str, Any], *, channels_first: bool = False) -> TensorInfo:
    """Return what LiteRT says of an input or output; quantised values are converted to real ones."""
    dtype = np.dtype(details["dtype"])
    stored_as_is = _border(details) is None
    sides = tuple(int(side) for side in details["shape"][1:])
    sides = (*sides[1:], sides[0]) if channels_first else sides
    return TensorInfo(name=details["name"], shape=sides, dtype=dtype.name if stored_as_is else "float32")


def _keeps_state(interpreter: Any) -> bool:
    """Tell whether an operator keeps a state between calls, as recurrent ones do; samples are independent."""
    try:
        return any(any(part in item["op_name"] for part in _STATEFUL) for item in interpreter._get_ops_details())
    except Exception:  # the interface is private and may be removed; a reset costs little
        return True


def provider_of(interpreter: Any) -> str:
    """Return what executes the graph: LiteRT adds an operator DELEGATE for each part that XNNPACK takes over."""
    try:
        operators = [operator["op_name"] for operator in interpreter._get_ops_details()]
    except Exception:  # the interface is private and may be removed
        return "unknown"
    parts = operators.count("DELEGATE")
    return "built-in kernels" if not parts else "XNNPACK" if parts == 1 else f"XNNPACK in {parts} parts"


def _border(details: dict[str, Any]) -> Border | None:
    """Return how a tensor stores real values as integers; None for floats, and for integers without a scale."""
    dtype, (scale, zero_point) = np.dtype(details["dtype"]), details["quantization"]
    return Border(float(scale), int(zero_point), dtype.name) if dtype.kind in "iu" and scale else None


def _to_stored(values: NDArray[Any], details: dict[str, Any]) -> NDArray[Any]:
    """Convert values to the type of a tensor, and real values to its integers."""
    border, dtype = _border(details), np.dtype(details["dtype"])
    if border is not None and values.dtype != dtype:
        return border.stored(values)
    if dtype.kind not in "iu" or values.dtype == dtype:
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.asarray(np.clip(np.round(values), limits.min, limits.max), dtype)


def _from_stored(values: NDArray[Any], details: dict[str, Any]) -> NDArray[Any]:
    """Convert the integers of a quantised tensor to real values."""
    border = _border(details)
    return values if border is None else border.real(values)
