"""The step from a float32 ONNX graph to one of any precision."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export.errors import ExportError
from sqnxt_export.options import ArtifactOptions
from sqnxt_export.quantise.calibration import calibrate
from sqnxt_export.quantise.half import to_float16
from sqnxt_export.quantise.precision import CALIBRATED
from sqnxt_export.quantise.qdq import to_int8, to_int16


def quantise_onnx(
    model: onnx.ModelProto, precision: str, calibration: NDArray[np.float32] | None = None, method: str = "minmax"
) -> onnx.ModelProto:
    """Return the graph in another precision; the float32 graph is left unchanged.

    Args:
        model: A float32 graph from `to_onnx`.
        precision: "float32", "float16", "int16" or "int8".
        calibration: Float32 NHWC samples, preprocessed; needed for the integer precisions.
        method: How int8 ranges are chosen: "minmax", "percentile" or "entropy"; see `calibrate`.

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
    found = calibrate(model, samples, method)
    return to_int16(model, found) if precision == "int16" else to_int8(model, found)


def checked_calibration(precision: str, calibration: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Return the calibration samples that a precision needs, which are none for a float precision.

    Raises:
        ExportError: Samples are needed and missing, or their values are not finite.
    """
    if precision not in CALIBRATED:
        return np.empty((0, 1, 1, 1), np.float32)
    if calibration is None or not len(calibration):
        raise ExportError(f"precision {precision}", "needs calibration samples", "pass images of the training split")
    if not np.isfinite(calibration).all():
        raise ExportError(f"precision {precision}", "calibration samples are not all finite", "check the preprocessing")
    return calibration
