"""The precisions, what each format makes of them, and what the user should be told."""

from __future__ import annotations

from sqnxt_export.errors import ExportError

PRECISIONS = ("float32", "float16", "int16", "int16x8", "int8")
_ARTIFACT_FORMATS = ("onnx", "tflite")
CALIBRATED = ("int16", "int16x8", "int8")
"""Precisions that need calibration samples."""

CALIBRATION_METHODS = ("minmax", "percentile", "entropy")
"""How 8-bit ranges are chosen in ONNX. Min-max is the default on evidence: benchmarks/README.md."""

_IMPOSSIBLE = {
    ("onnx", "int16x8"): "int16x8 (16-bit activations, 8-bit weights) is TFLite's; ONNX has 16-bit weights as well: "
    "use --precision int16, or --format tflite",
    ("tflite", "int16"): "TFLite has no 16-bit weights and none are planned; use --precision int16x8 (16-bit "
    "activations, 8-bit weights), or --format onnx",
}
# Ratios are of 1.0-SqNxt-23v5 at 227x227, one image, one thread, an x86 processor: benchmarks/README.md.
_NOTES = {
    ("onnx", "float16"): "weights are stored as float16 and widened when onnxruntime loads them: half the size, "
    "float32's speed",
    ("onnx", "int16"): "onnxruntime has no 16-bit integer kernels and computes in float between Q/DQ nodes: small and "
    "bit-faithful for integer accelerators, not faster on a CPU (measured: 2.5x float32's time as it comes, 1.6x with "
    "the session option session.disable_quant_qdq=1, which is set wherever we run such a file)",
    ("onnx", "int8"): "onnxruntime's 8-bit kernels saturate on x86 processors without VNNI (before about 2019) and "
    "may cost accuracy there: evaluate it on the device",
    ("tflite", "int16x8"): "LiteRT runs int16x8 in its reference kernels, without XNNPACK: for integer accelerators, "
    "not for a CPU (measured: more than 30x float32's time)",
    ("tflite", "float16"): "weights are stored as float16 and widened by XNNPACK: half the size, float32's speed",
}

_MIXED = "layers at 16 bits run in float between Q/DQ nodes in onnxruntime: each costs time on a CPU"


def check_precision(format: str, precision: str) -> None:
    """Refuse what a format cannot express.

    Raises:
        ExportError: An unknown format or precision, or a pair that does not exist, with the reason.
    """
    for name, value, known in (("format", format, _ARTIFACT_FORMATS), ("precision", precision, PRECISIONS)):
        if value not in known:
            raise ExportError(f"{name} {value!r}", "unknown", f"use one of {', '.join(known)}")
    if reason := _IMPOSSIBLE.get((format, precision)):
        raise ExportError(f"{format} {precision}", str(reason))


def check_calibration_method(format: str, precision: str, method: str) -> None:
    """Refuse a way to calibrate that means nothing for this precision or format.

    Raises:
        ExportError: An unknown method, or one that cannot have an effect, with the reason.
    """
    if method not in CALIBRATION_METHODS:
        raise ExportError(f"calibration method {method!r}", "unknown", f"use one of {', '.join(CALIBRATION_METHODS)}")
    if method == "minmax":
        return
    if precision not in CALIBRATED:
        raise ExportError(f"calibration method {method}", f"{precision} is not calibrated", "leave the method out")
    if format == "tflite":
        raise ExportError(
            f"calibration method {method}",
            "TensorFlow's converter calibrates by min-max itself and takes no ranges",
            "leave the method out, or use --format onnx",
        )
    if precision != "int8":
        raise ExportError(
            f"calibration method {method}",
            f"{precision} clips nothing, since 16 bits can afford min-max with headroom",
            "leave the method out, or use --precision int8",
        )


def notes_on(format: str, precision: str, *, mixed: bool = False) -> tuple[str, ...]:
    """What a user should know about an artifact of this kind, one sentence each; `mixed` has layers of 16 bits."""
    note = _NOTES.get((format, precision))
    return (*([note] if note else []), *([_MIXED] if mixed else []))
