"""The precisions: which of them each format can express, how they are calibrated, and notes for the user."""

from __future__ import annotations

from sqnxt_export.errors import ExportError

PRECISIONS = ("float32", "float16", "int16", "int16x8", "int8-weights", "int8")
_ARTIFACT_FORMATS = ("onnx", "tflite")
CALIBRATED = ("int16", "int16x8", "int8")
"""Precisions that need calibration samples."""

CALIBRATION_METHODS = ("minmax", "percentile", "entropy")
"""How int8 ranges are chosen in ONNX. Min-max is the default because it measured best: benchmarks/README.md."""

_IMPOSSIBLE = {
    ("onnx", "int16x8"): (
        "int16x8 (16-bit activations, 8-bit weights) exists in TFLite only, since ONNX has 16-bit weights too",
        'use `precision="int16"`, or `format="tflite"`',
    ),
    ("tflite", "int16"): (
        "TFLite has no 16-bit weights and none are planned",
        'use `precision="int16x8"` (16-bit activations, 8-bit weights), or `format="onnx"`',
    ),
}
"""Format and precision -> the fault and the remedy."""
_WIDENED_WEIGHTS = (
    "weights are stored as int8 and activations stay float32: onnxruntime widens the weights in each run unless the "
    "session option session.disable_quant_qdq=1 is set, as this package does whenever it runs such a file"
)
_DYNAMIC_RANGE = (
    "weights are stored as int8, and LiteRT rounds each layer's activations to 8 bits as it runs (dynamic range); "
    "kernels of less than 1,024 weights stay float32"
)
# Ratios are of 1.0-SqNxt-23v5 at 227x227, one image, one thread, an x86 processor: benchmarks/README.md.
_NOTES = {
    ("onnx", "float16"): "weights are stored as float16 and widened when onnxruntime loads them: half the size, "
    "float32's speed",
    ("onnx", "int16"): "onnxruntime has no 16-bit integer kernels and computes in float between Q/DQ nodes: small and "
    "bit-faithful for integer accelerators, not faster on a CPU (measured: 2.5x float32's time as it comes, 1.6x with "
    "the session option session.disable_quant_qdq=1, which this package sets whenever it runs such a file)",
    ("onnx", "int8"): "onnxruntime's 8-bit kernels saturate on x86 processors without VNNI (before about 2019) and "
    "may cost accuracy there: evaluate it on the device",
    ("onnx", "int8-weights"): _WIDENED_WEIGHTS,
    ("tflite", "int8-weights"): _DYNAMIC_RANGE,
    ("tflite", "int16x8"): "LiteRT runs int16x8 in its reference kernels, without XNNPACK: for integer accelerators, "
    "not for a CPU (measured: more than 30x float32's time)",
    ("tflite", "float16"): "weights are stored as float16, save those of the smallest layers, and widened by XNNPACK: "
    "half the size, float32's speed",
}

_MIXED = "layers at 16 bits run in float between Q/DQ nodes in onnxruntime: each costs time on a CPU"


def is_possible(format: str, precision: str) -> bool:
    """Return whether a format can express a precision."""
    return (format, precision) not in _IMPOSSIBLE


def check_precision(format: str, precision: str) -> None:
    """Refuse a precision that a format cannot express.

    Raises:
        ExportError: The format or the precision is unknown, or the format lacks the precision.
    """
    if format not in _ARTIFACT_FORMATS:
        raise ExportError(f"format {format!r}", "unknown", f"use one of {', '.join(_ARTIFACT_FORMATS)}")
    check_precision_name(precision)
    if (format, precision) in _IMPOSSIBLE:
        raise ExportError(f"{format} {precision}", *_IMPOSSIBLE[format, precision])


def check_precision_name(precision: str) -> None:
    """Refuse a precision that no format has.

    Raises:
        ExportError: It is unknown.
    """
    if precision not in PRECISIONS:
        raise ExportError(f"precision {precision!r}", "unknown", f"use one of {', '.join(PRECISIONS)}")


def check_calibration_method(format: str, precision: str, method: str) -> None:
    """Refuse a calibration method that has no effect on a precision and format.

    Raises:
        ExportError: The method is unknown, or has no effect, with the reason.
    """
    if method not in CALIBRATION_METHODS:
        raise ExportError(f"calibration method {method!r}", "unknown", f"use one of {', '.join(CALIBRATION_METHODS)}")
    if method == "minmax":
        return
    if precision not in CALIBRATED:
        raise ExportError(
            f"calibration method {method}", f"{precision} is not calibrated", "leave `calibration_method` out"
        )
    if format == "tflite":
        raise ExportError(
            f"calibration method {method}",
            "TensorFlow's converter calibrates by min-max itself and takes no ranges",
            'leave `calibration_method` out, or use `format="onnx"`',
        )
    if precision != "int8":
        raise ExportError(
            f"calibration method {method}",
            f"{precision} clips nothing, since 16 bits can afford min-max with headroom",
            'leave `calibration_method` out, or use `precision="int8"`',
        )


def notes_on(format: str, precision: str, *, mixed: bool = False) -> tuple[str, ...]:
    """Return what a user should know about such an artifact, one sentence each; `mixed`: some layers keep 16 bits."""
    note = _NOTES.get((format, precision))
    return (*([note] if note else []), *([_MIXED] if mixed else []))
