"""Conversion of a tf_keras model to a .tflite file; its input and output are float32 unless int8 asks for integers."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from sqnxt_base.errors import SqnxtError
from sqnxt_export._libraries import require
from sqnxt_export.convert.converter_faults import run_converter
from sqnxt_export.convert.rounded_activations import with_rounded_activations
from sqnxt_export.convert.softmax import ends_in_softmax, without_softmax
from sqnxt_export.convert.tflite_edit import has_loop, in_signature_order, with_softmax, without_idle_caps
from sqnxt_export.convert.tflite_half import with_half_weights
from sqnxt_export.convert.tracing import concrete_function, input_names, quiet_conversion
from sqnxt_export.errors import ExportError, one_line
from sqnxt_export.image_batches import filled
from sqnxt_export.options import ArtifactOptions
from sqnxt_export.quantise.learnt_ranges import LearntRanges
from sqnxt_export.quantise.onnx_quantiser import checked_calibration
from sqnxt_export.quantise.precision import CALIBRATED
from sqnxt_export.runtimes.signatures import name_of_model, signature_of
from sqnxt_export.runtimes.tensors import Samples

_FLOATS = ("float32", "float16")
"""Precisions for which TensorFlow's quantiser does not run."""


def to_tflite(
    model: Any,
    precision: str,
    calibration: Samples | None = None,
    *,
    batch: int | None = 1,
    io: str = "float32",
    learnt: LearntRanges | None = None,
) -> bytes:
    """Convert a model to the bytes of a .tflite file, whose inputs and outputs are in the model's order.

    Args:
        model: A tf_keras model, or one that `load_model` returned, whose inputs have a fixed size.
        precision: "float32", "float16", "int8", "int8-weights" or "int16x8".
        calibration: Samples, preprocessed, one array per input; needed for the integer precisions.
        batch: Samples per call, fixed in the file; runtimes in browsers need 1.
        io: Number type of an int8 file's inputs and outputs: "float32", "int8" or "uint8". A last softmax stays in
            float unless its result is an integer anyway.
        learnt: Ranges of int8 activations that take the place of calibrated ones.

    Raises:
        ExportError: TFLite cannot express the precision or the batch, samples are missing, or the converter refuses a
            layer.
    """
    ArtifactOptions(format="tflite", precision=precision, batch=batch, io=io)  # checks them
    samples = checked_calibration(precision, calibration)
    if learnt is not None and learnt.ranges:
        model, samples = with_rounded_activations(model, learnt.ranges), ()
    batch = batch or 1
    is_calibrated = precision in CALIBRATED
    float_softmax = is_calibrated and io == "float32" and ends_in_softmax(model)
    signature_of(model)  # a fault of the model itself is none of the converter's
    try:
        with quiet_conversion(), without_softmax(model) if float_softmax else contextlib.nullcontext():
            data = _convert(model, batch, precision, samples, io)
            if precision == "float16":
                data = with_half_weights(data)
            if is_calibrated:
                data = without_idle_caps(data)
            if float_softmax:
                data = with_softmax(data)
    except (SqnxtError, OSError):  # a disk that fails is no fault of the model
        raise
    except Exception as error:  # the converter raises classes of its own and plain Exception
        raise ExportError(
            f"model {name_of_model(model)!r}",
            f"TensorFlow's converter refuses it ({_reason(error)})",
            "export to ONNX or replace the layer",
        ) from error
    return data


def _reason(error: Exception) -> str:
    """Return the first line of the converter's message, without the place in the source in front of it."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return one_line(RuntimeError(re.sub(r"^.*?\berror: ", "", lines[0])))


def _convert(model: Any, batch: int, precision: str, samples: tuple[NDArray[Any], ...], io: str) -> bytes:
    """Run TensorFlow's converter on a model for a batch of samples."""
    tensorflow = require("tensorflow", "to convert to TFLite")
    function, module = concrete_function(model, batch)
    from_functions = tensorflow.lite.TFLiteConverter.from_concrete_functions
    converter = from_functions([function], module)
    _configure(tensorflow, converter, precision, samples, batch)
    converter.inference_input_type = converter.inference_output_type = getattr(tensorflow, io)
    if precision not in _FLOATS and _may_loop(function):
        _refuse_loops(model, run_converter(from_functions([function], module), function, module))
    data = run_converter(converter, function, module)
    signature = signature_of(model)
    return in_signature_order(data, [info.name for info in signature.inputs], [info.name for info in signature.outputs])


def _may_loop(function: Any) -> bool:
    """Tell whether a traced function holds a loop, which the converter may still fuse into an LSTM operator."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for inner in graph.library.function for node in inner.node_def)]
    return any(node.op in ("While", "StatelessWhile") for node in nodes)


def _refuse_loops(model: Any, data: bytes) -> None:
    """Refuse to quantise a graph with loops, on which TensorFlow's quantiser ends the process.

    Raises:
        ExportError: The float graph has one.
    """
    if has_loop(data):
        raise ExportError(
            f"model {name_of_model(model)!r}",
            "TensorFlow's quantiser does not survive the loop that a recurrent layer becomes",
            'use `format="onnx"`, `precision="float16"`, an LSTM of tf_keras, or `unroll=True` in the layer',
        )


def _configure(
    tensorflow: Any, converter: Any, precision: str, calibration: tuple[NDArray[Any], ...], batch: int
) -> None:
    """Set the converter's precision; the float ones need nothing."""
    if precision in _FLOATS:
        return
    converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
    ops = tensorflow.lite.OpsSet
    integer = {
        "int8": ops.TFLITE_BUILTINS_INT8,
        "int16x8": ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
    }
    if not calibration:  # the model rounds its activations itself, or the runtime does as it runs
        return
    converter.target_spec.supported_ops = [integer[precision]]

    names = input_names(len(calibration))  # the converter orders inputs as it likes

    def representative() -> Iterator[dict[str, NDArray[Any]]]:
        for start in range(0, len(calibration[0]), batch):
            parts = (filled(samples[start : start + batch], batch) for samples in calibration)
            yield dict(zip(names, parts, strict=True))

    converter.representative_dataset = representative
