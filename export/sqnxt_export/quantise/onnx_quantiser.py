"""The step from a float32 ONNX graph to one of any precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export.errors import ExportError
from sqnxt_export.options import ArtifactOptions
from sqnxt_export.quantise.calibration import calibrate
from sqnxt_export.quantise.half import to_float16
from sqnxt_export.quantise.learnt_ranges import LearntRanges, with_learnt_ranges
from sqnxt_export.quantise.precision import CALIBRATED
from sqnxt_export.quantise.qdq import to_int8, to_int8_weights, to_int16
from sqnxt_export.runtimes.tensors import Samples, as_arrays


def quantise_onnx(
    model: onnx.ModelProto,
    precision: str,
    calibration: Samples | None = None,
    method: str = "minmax",
    learnt: LearntRanges | None = None,
) -> onnx.ModelProto:
    """Return the graph in another precision; the float32 graph is left unchanged.

    Args:
        model: A float32 graph from `to_onnx`.
        precision: "float32", "float16", "int16", "int8-weights" or "int8".
        calibration: Samples as the Keras model takes them, preprocessed, one array per input; needed for the
            integer precisions.
        method: How int8 ranges are chosen: "minmax", "percentile" or "entropy"; see `calibrate`.
        learnt: Ranges of int8 activations that take the place of calibrated ones.

    Raises:
        ExportError: ONNX cannot express the precision, the method has no effect on it, or calibration samples are
            missing.
    """
    ArtifactOptions(format="onnx", precision=precision, calibration_method=method)  # checks them
    samples = checked_calibration(precision, calibration)
    if precision == "float32":
        return model
    if precision == "float16":
        return to_float16(model)
    if precision == "int8-weights":
        return to_int8_weights(model)
    found = calibrate(model, samples, method)
    if learnt is not None:
        found = with_learnt_ranges(model, found, learnt)
    return to_int16(model, found) if precision == "int16" else to_int8(model, found)


def checked_calibration(precision: str, calibration: Samples | None) -> tuple[NDArray[Any], ...]:
    """Return the calibration samples that a precision needs, one array per input; none for a float precision.

    Raises:
        ExportError: Samples are needed and missing, or their values are not finite.
    """
    if precision not in CALIBRATED:
        return ()
    arrays = () if calibration is None else as_arrays(calibration)
    if not arrays or not len(arrays[0]):
        raise ExportError(f"precision {precision}", "needs calibration samples", "pass images of the training split")
    if not all(np.isfinite(array).all() for array in arrays):
        raise ExportError(f"precision {precision}", "calibration samples are not all finite", "check the preprocessing")
    return arrays
