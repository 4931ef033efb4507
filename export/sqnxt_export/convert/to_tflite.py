"""Conversion of a tf_keras model to a .tflite file; its input and output are float32 unless int8 asks for integers."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export._libraries import quiet_stderr, require
from sqnxt_export.convert.softmax import ends_in_softmax, without_softmax
from sqnxt_export.convert.tflite_edit import with_softmax, without_idle_caps
from sqnxt_export.convert.tflite_half import with_half_weights
from sqnxt_export.convert.to_onnx import image_shape
from sqnxt_export.errors import ExportError, one_line
from sqnxt_export.image_batches import batches, filled
from sqnxt_export.options import ArtifactOptions
from sqnxt_export.quantise.onnx_quantiser import checked_calibration
from sqnxt_export.quantise.precision import CALIBRATED


def to_tflite(
    model: Any,
    precision: str,
    calibration: NDArray[np.float32] | None = None,
    *,
    batch: int | None = 1,
    io: str = "float32",
) -> bytes:
    """Convert a tf_keras model to the bytes of a .tflite file.

    Args:
        model: A model that takes one image of fixed size and returns one tensor.
        precision: "float32", "float16", "int8" or "int16x8".
        calibration: Float32 NHWC samples, preprocessed; needed for the integer precisions.
        batch: Images per call, fixed in the file; runtimes in browsers need 1.
        io: Number type of an int8 file's input and output: "float32", "int8" or "uint8". A last softmax stays in float
            unless its result is an integer anyway.

    Raises:
        ExportError: TFLite cannot express the precision or the batch, samples are missing, or the converter refuses a
            layer.
    """
    ArtifactOptions(format="tflite", precision=precision, batch=batch, io=io)  # checks them
    samples = checked_calibration(precision, calibration)
    is_calibrated = precision in CALIBRATED
    float_softmax = is_calibrated and io == "float32" and ends_in_softmax(model)
    shape = (batch or 1, *image_shape(model))
    try:
        with _quiet(), without_softmax(model) if float_softmax else contextlib.nullcontext():
            data = _convert(model, shape, precision, samples, io)
            if precision == "float16":
                data = with_half_weights(data)
            if is_calibrated:
                data = without_idle_caps(data)
            if float_softmax:
                data = with_softmax(data)
    except ExportError:
        raise
    except Exception as error:  # the converter raises classes of its own and plain Exception
        raise ExportError(
            f"model {model.name!r}",
            f"TensorFlow's converter refuses it ({one_line(error)})",
            "export to ONNX or replace the layer",
        ) from error
    return data


def _convert(
    model: Any, shape: tuple[int, int, int, int], precision: str, samples: NDArray[np.float32], io: str
) -> bytes:
    """Run TensorFlow's converter on a model for images of `shape` [batch, height, width, channels]."""
    tensorflow = require("tensorflow", "to convert to TFLite")
    # A bare module replaces the model: otherwise the converter traces every Keras layer anew, which takes half a minute
    # for a SqueezeNext that converts in two seconds this way.
    module = tensorflow.Module()
    module.weights = model.variables
    module.call = tensorflow.function(lambda images: model(images, training=False))
    function = module.call.get_concrete_function(tensorflow.TensorSpec(shape, tensorflow.float32, name="input"))
    converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([function], module)
    _configure(tensorflow, converter, precision, samples, shape[0])
    converter.inference_input_type = converter.inference_output_type = getattr(tensorflow, io)
    data: bytes = converter.convert()
    return data


def _configure(tensorflow: Any, converter: Any, precision: str, calibration: NDArray[np.float32], batch: int) -> None:
    """Set the converter's precision; the float ones need nothing."""
    if precision in ("float32", "float16"):
        return
    converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
    ops = tensorflow.lite.OpsSet
    integer = {
        "int8": ops.TFLITE_BUILTINS_INT8,
        "int16x8": ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
    }
    converter.target_spec.supported_ops = [integer[precision]]

    def representative() -> Iterator[list[NDArray[np.float32]]]:
        for samples in batches(calibration, batch):
            yield [filled(samples, batch)]

    converter.representative_dataset = representative


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the converter: its log, its warnings and what its C++ code writes to stderr."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), quiet_stderr():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
