"""Run .onnx files in onnxruntime, on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._runtime import onnx_session, require
from ..artifact.onnx_file import read_onnx
from ..errors import ExportError, one_line
from .runner import Runner, checked_shape

_IMAGE_CHANNELS = (1, 3, 4)


class OnnxRunner(Runner):
    """An onnxruntime session. Files with one float image as input, channels first or last, are taken."""

    format = "onnx"
    runtime = "onnxruntime"

    def __init__(self, path: Path, threads: int | None = None) -> None:
        onnxruntime = require("onnxruntime", "to run an .onnx file")
        read_onnx(path)  # refuses garbage and external weights with a plain reason
        try:
            self._session = onnx_session(str(path), threads=threads)
        except Exception as error:  # onnxruntime's classes share no base of their own
            raise ExportError(f"{path}: onnxruntime refuses it ({one_line(error)}); export it again") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 4:
            found = ", ".join(f"{item.name} {item.type}{item.shape}" for item in inputs)
            raise ExportError(f"{path}: takes {found or 'nothing'}; a network with one float32 image is needed")
        batch, *shape = inputs[0].shape
        self._input = inputs[0].name
        self._channels_first = shape[0] in _IMAGE_CHANNELS or shape[-1] not in _IMAGE_CHANNELS
        image = [*shape[1:], shape[0]] if self._channels_first else shape
        fixed = batch if isinstance(batch, int) and batch > 0 else None
        super().__init__(path, onnxruntime.__version__, checked_shape(path, image), fixed)

    def _run_batch(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._channels_first:
            images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        try:
            logits: NDArray[np.float32] = self._session.run(None, {self._input: images})[0]
        except Exception as error:
            raise ExportError(f"{self.path}: onnxruntime failed ({one_line(error)}); export it again") from error
        return logits
