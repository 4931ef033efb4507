"""The runner of .onnx files in onnxruntime, on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export._libraries import MEMORY_REUSE, onnx_session, require
from sqnxt_export.artifact.onnx_file import check_sizes, read_onnx
from sqnxt_export.errors import ExportError, one_line
from sqnxt_export.image_batches import filled
from sqnxt_export.runtimes.runner import Runner, checked_shape

_IMAGE_CHANNELS = (1, 3, 4)
_WIDE_INTEGERS = {"session.disable_quant_qdq": "1", MEMORY_REUSE: "0"}
"""The options with which 16-bit graphs run fastest; the Q/DQ nodes between convolutions stay the same.

onnxruntime has no 16-bit integer kernels. By default it keeps the weights' DequantizeLinear nodes for 8-bit fusions,
which do not apply here. Each run then widens all weights anew, and convolutions whose weights are not constant get no
blocked layout. With the first option, weights are folded when the file is loaded. Without reuse of buffers, the
remaining element-wise nodes save another twentieth. 1.0-SqNxt-23v5 at 227x227 takes 2.5x float32's time by default,
1.66x with the first option, and 1.56x with both.
"""
_FLOATS, _PIXELS = "tensor(float)", "tensor(uint8)"


class OnnxRunner(Runner):
    """An onnxruntime session of a file that takes one image of floats or pixels, channels first or last."""

    format = "onnx"
    runtime = "onnxruntime"

    def __init__(
        self,
        path: Path,
        threads: int | None = None,
        options: Mapping[str, str] | None = None,
        *,
        checked: bool = False,
    ) -> None:
        onnxruntime = require("onnxruntime", "to run an .onnx file")
        if not checked:
            suggested = check_onnx(path)
            options = suggested if options is None else options
        self.options = options or {}
        try:
            self._session = onnx_session(str(path), threads=threads, options=self.options)
        except Exception as error:  # onnxruntime's classes share no base class of their own
            raise ExportError(path, f"onnxruntime refuses it ({one_line(error)})", "export it again") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in (_FLOATS, _PIXELS) or len(inputs[0].shape) != 4:
            found = ", ".join(f"{item.name} {item.type}{item.shape}" for item in inputs)
            raise ExportError(path, f"takes {found or 'nothing'}", "one image of float32 or uint8 is needed")
        self.takes_pixels = inputs[0].type == _PIXELS
        self.provider = ", ".join(self._session.get_providers())
        batch, *shape = inputs[0].shape
        self._input = inputs[0].name
        # This package writes pixels with channels last. The height may then look like a number of channels.
        likely_first = shape[0] in _IMAGE_CHANNELS and not self.takes_pixels
        self.layout = "NCHW" if likely_first or shape[-1] not in _IMAGE_CHANNELS else "NHWC"
        image = [*shape[1:], shape[0]] if self.layout == "NCHW" else shape
        fixed = batch if isinstance(batch, int) and batch > 0 else None
        super().__init__(path, onnxruntime.__version__, checked_shape(path, image), fixed)

    def call(self, images: NDArray[np.float32]) -> Callable[[], object]:
        """Prepare a call, see `Runner.call`; layout and type are changed beforehand."""
        given = self._converted(filled(self._checked(images), self.batch or len(images)))
        return lambda: self._invoke(given)

    def _run_batch(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._invoke(self._converted(images))

    def _converted(self, images: NDArray[np.float32]) -> NDArray[Any]:
        given: NDArray[Any] = images.astype(np.uint8) if self.takes_pixels else images
        return np.ascontiguousarray(given.transpose(0, 3, 1, 2)) if self.layout == "NCHW" else given

    def _invoke(self, given: NDArray[Any]) -> NDArray[np.float32]:
        try:
            logits: NDArray[np.float32] = self._session.run(None, {self._input: given})[0]
        except Exception as error:
            raise ExportError(self.path, f"onnxruntime failed ({one_line(error)})", "export it again") from error
        return logits


def check_onnx(path: Path) -> Mapping[str, str]:
    """Refuse a file that onnxruntime might not survive, and return the options that are fastest for it otherwise.

    Raises:
        ExportError: See `read_onnx` and `check_sizes`.
    """
    model = read_onnx(path)  # refuses damaged files and external weights
    check_sizes(path, model)
    return fast_options(model)


def fast_options(model: onnx.ModelProto) -> Mapping[str, str]:
    """Return the session options with which a graph runs fastest, by onnxruntime's own names.

    Only 16-bit graphs get any: 8-bit graphs, and graphs of both widths, need the fusions that these options turn off.
    """
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    stored = {types.get(node.input[0]) for node in model.graph.node if node.op_type == "DequantizeLinear"}
    if onnx.TensorProto.INT16 in stored and not stored & {onnx.TensorProto.INT8, onnx.TensorProto.UINT8}:
        return MappingProxyType(_WIDE_INTEGERS)
    return MappingProxyType({})
