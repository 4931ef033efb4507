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
from sqnxt_export.artifact.input_layout import FIRST, LAST, onnx_input_layout
from sqnxt_export.artifact.layouts import MEMBER as LAYOUTS
from sqnxt_export.artifact.layouts import parse_layouts
from sqnxt_export.artifact.onnx_file import check_sizes, read_onnx
from sqnxt_export.errors import ExportError, one_line
from sqnxt_export.runtimes.borders import Border, onnx_borders
from sqnxt_export.runtimes.runner import Runner
from sqnxt_export.runtimes.tensors import Samples, TensorInfo

_IMAGE_CHANNELS = (1, 3, 4)
_WIDE_INTEGERS = {"session.disable_quant_qdq": "1", MEMORY_REUSE: "0"}
"""The options with which graphs without 8-bit activations run fastest; their Q/DQ nodes stay the same.

onnxruntime has no 16-bit integer kernels. By default it keeps the weights' DequantizeLinear nodes for 8-bit fusions,
which do not apply here, nor where weights alone are integers. Each run then widens all weights anew, and convolutions
whose weights are not constant get no blocked layout. With the first option, weights are folded when the file is
loaded. Without reuse of buffers, the remaining element-wise nodes save another twentieth. 1.0-SqNxt-23v5 at 227x227 in
int16 takes 2.5x float32's time by default, 1.66x with the first option, and 1.56x with both.
"""
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(bool)": "bool",
    **{f"tensor({name})": name for name in _INTEGERS},
}
"""Onnxruntime's name of a type -> NumPy's."""
_ROUNDING = {"QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "QGemm"}
"""Operators that round activations to integers."""


class OnnxRunner(Runner):
    """An onnxruntime session of a file with any numeric inputs and outputs, channels first or last."""

    format = "onnx"
    runtime = "onnxruntime"

    def __init__(
        self,
        path: Path,
        threads: int | None = None,
        options: Mapping[str, str] | None = None,
        *,
        checked: bool = False,
        layout: str | None = None,
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
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if not inputs or any(item.type not in _DTYPES for item in (*inputs, *outputs)):
            found = ", ".join(f"{item.name} {item.type}{item.shape}" for item in (*inputs, *outputs))
            raise ExportError(
                path, f"takes and returns {found or 'nothing'}", "inputs and outputs of numbers are needed"
            )
        types = {item.name: _DTYPES[item.type] for item in (*inputs, *outputs)}
        told = parse_layouts(self._session.get_modelmeta().custom_metadata_map.get(LAYOUTS))
        graph = None if checked else read_onnx(path)  # timing alone needs neither borders nor layouts
        if graph is not None and not all(dtype.startswith("float") for dtype in types.values()):
            self.borders = onnx_borders(graph)
        only = inputs[0] if len(inputs) == 1 and inputs[0].name not in self.borders else None
        self.takes_pixels = only is not None and types[only.name] == "uint8" and len(only.shape) == 4
        self.provider = ", ".join(self._session.get_providers())
        layouts = [_layout(item, told, graph, layout) for item in inputs]
        self.layout_known = None not in layouts
        self._first = [
            _is_likely_first(item, pixels=self.takes_pixels) if known is None else known == FIRST
            for item, known in zip(inputs, layouts, strict=True)
        ]
        self._outputs_first = [told is not None and item.name in told for item in outputs]
        self.layout = "NCHW" if self._first[0] else "NHWC"
        self.stored_types = (_DTYPES[inputs[0].type], _DTYPES[outputs[0].type]) if outputs else self.stored_types
        batch = inputs[0].shape[0] if inputs[0].shape else None
        fixed = batch if isinstance(batch, int) and batch > 0 else None
        super().__init__(
            path,
            onnxruntime.__version__,
            [_described(item, first, self.borders) for item, first in zip(inputs, self._first, strict=True)],
            [_described(item, first, self.borders) for item, first in zip(outputs, self._outputs_first, strict=True)],
            fixed,
        )

    def call(self, samples: Samples) -> Callable[[], object]:
        """Prepare a call, see `Runner.call`; layout and type are changed beforehand."""
        given = self._converted(self._filled(self._checked(samples)))
        return lambda: self._invoke(given)

    def _run_batch(self, arrays: tuple[NDArray[Any], ...]) -> list[NDArray[Any]]:
        results = zip(self._invoke(self._converted(arrays)), self.outputs, self._outputs_first, strict=True)
        return [
            np.moveaxis(self._real(values, info.name), 1, -1) if first else self._real(values, info.name)
            for values, info, first in results
        ]

    def _real(self, values: NDArray[Any], name: str) -> NDArray[Any]:
        return self.borders[name].real(values) if name in self.borders else values

    def _converted(self, arrays: tuple[NDArray[Any], ...]) -> dict[str, NDArray[Any]]:
        if self.takes_pixels:
            arrays = (arrays[0].astype(np.uint8),)
        stored = [
            self.borders[info.name].stored(array) if info.name in self.borders else array
            for info, array in zip(self.inputs, arrays, strict=True)
        ]
        given = zip(self.inputs, stored, self._first, strict=True)
        return {info.name: np.ascontiguousarray(np.moveaxis(x, -1, 1)) if first else x for info, x, first in given}

    def _invoke(self, given: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        try:
            outputs: list[NDArray[Any]] = self._session.run(None, given)
        except Exception as error:
            raise ExportError(self.path, f"onnxruntime failed ({one_line(error)})", "export it again") from error
        return outputs


def _layout(item: Any, told: Mapping[str, str] | None, graph: onnx.ModelProto | None, asked: str | None) -> str | None:
    """Return the layout of an input: as asked for, as the file says, or as its operators tell; None if none does."""
    if len(item.shape) != 4 and (told is None or item.name not in told):
        return LAST
    if asked is not None:
        return asked
    if told is not None:
        return FIRST if item.name in told else LAST
    return None if graph is None else onnx_input_layout(graph, item.name)


def _is_likely_first(item: Any, *, pixels: bool) -> bool:
    """Tell which layout the sides of an input make likely; `Runner.layout_known` tells that it was a guess."""
    # This package writes pixels with channels last. The height may then look like a number of channels.
    likely_first = item.shape[1] in _IMAGE_CHANNELS and not pixels
    return likely_first or item.shape[-1] not in _IMAGE_CHANNELS


def _described(item: Any, channels_first: bool, borders: Mapping[str, Border]) -> TensorInfo:
    """Return what onnxruntime says of an input or output, its sides in the Keras model's order."""
    sides = [side if isinstance(side, int) and side > 0 else -1 for side in item.shape[1:]]
    shape = [*sides[1:], sides[0]] if channels_first else sides
    dtype = "float32" if item.name in borders else _DTYPES[item.type]
    return TensorInfo(name=item.name, shape=tuple(shape), dtype=dtype)


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

    Only 16-bit graphs and those whose weights alone are integers get any: 8-bit graphs, and graphs of both widths, need
    the fusions that these options turn off.
    """
    ops = {node.op_type for node in model.graph.node}
    if "DequantizeLinear" in ops and not ops & _ROUNDING:
        return MappingProxyType(_WIDE_INTEGERS)
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    stored = {types.get(node.input[0]) for node in model.graph.node if node.op_type == "DequantizeLinear"}
    if onnx.TensorProto.INT16 in stored and not stored & {onnx.TensorProto.INT8, onnx.TensorProto.UINT8}:
        return MappingProxyType(_WIDE_INTEGERS)
    return MappingProxyType({})
