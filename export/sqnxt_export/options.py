"""Settings of an artifact, checked once where they are made."""

from __future__ import annotations

from dataclasses import dataclass

from sqnxt_export.errors import ExportError
from sqnxt_export.output_tasks import check_task
from sqnxt_export.quantise.precision import check_calibration_method, check_precision

IO_TYPES = ("float32", "int8", "uint8")
"""Number types of an int8 artifact's inputs and outputs."""
CONVERTERS = ("auto", "layers", "tf2onnx")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactOptions:
    """Settings of one artifact: its file format and how its numbers are stored.

    Every object of this class is consistent, so code that receives one checks nothing again. A subclass that defines
    `__post_init__` itself calls `ArtifactOptions.__post_init__(self)`.

    Attributes:
        format: "onnx" or "tflite".
        precision: "float32", "float16", "int8", "int8-weights" (float activations), "int16" (ONNX only) or "int16x8"
            (TFLite only).
        batch: Number of images per call, fixed in the file; None leaves it free (ONNX only).
        calibration_method: How int8 ranges are chosen in ONNX: "minmax", "percentile" or "entropy".
        layer_noise: Whether the noise that the precision adds to each layer is measured, on up to 64 samples.
        embed_preprocessing: Whether the artifact takes uint8 images and does the arithmetic of preprocessing itself.
        io: Number type of the inputs and outputs of an int8 artifact: "float32", or "int8" or "uint8" as
            microcontrollers and NPUs want them; their scale and zero point are in the file.
        task: What the outputs are, which decides whether their top-1 answers are judged: "classifier", "regressor" or
            "map"; "auto" asks the labels and the values.
        allow_drop: Points of top-1 agreement with a trained model that the artifact may lose beyond what its precision
            allows. A figure other than 0 is written into the artifact.
        opset: Operator set of an ONNX graph; the lowest that its precision and operators have if None.
        converter: What makes ONNX graphs: "layers" (layer by layer), "tf2onnx", or "auto", which takes tf2onnx where a
            layer has no equivalent.

    Raises:
        ExportError: A value is unknown or out of range, or two values contradict each other.
    """

    format: str
    precision: str = "float32"
    batch: int | None = 1
    calibration_method: str = "minmax"
    layer_noise: bool = False
    embed_preprocessing: bool = False
    io: str = "float32"
    task: str = "auto"
    opset: int | None = None
    converter: str = "auto"
    allow_drop: float = 0.0

    def __post_init__(self) -> None:
        check_precision(self.format, self.precision)
        _check_batch(self.format, self.batch)
        check_calibration_method(self.format, self.precision, self.calibration_method)
        check_task(self.task)
        _check_io(self)
        if self.opset is not None:
            _check_opset(self.format, self.precision, self.opset)
        check_converter(self.format, self.converter)
        if not 0 <= self.allow_drop <= 100:
            raise ExportError(
                f"allow_drop {self.allow_drop:g}", "is out of range", "give 0 to 100 points of top-1 agreement"
            )


def check_converter(format: str, converter: str) -> None:
    """Refuse a converter that is unknown, or has no effect on a format.

    Raises:
        ExportError: It is, or it has none.
    """
    if converter not in CONVERTERS:
        raise ExportError(f"converter {converter!r}", "unknown", f"use one of {', '.join(CONVERTERS)}")
    if converter != "auto" and format != "onnx":
        raise ExportError(
            f"converter {converter}", "is for ONNX; TensorFlow's own converter makes TFLite", "leave `converter` out"
        )


def _check_batch(format: str, batch: int | None) -> None:
    if batch is not None and batch < 1:
        raise ExportError(f"batch {batch}", "must be at least 1", "leave `batch` out for one image per call")
    if batch is None and format == "tflite":
        raise ExportError(
            "a free batch", "is not possible in TFLite", 'leave `batch` out for 1, or use `format="onnx"`'
        )


def _check_io(options: ArtifactOptions) -> None:
    if options.io not in IO_TYPES:
        raise ExportError(f"io {options.io!r}", "unknown", f"use one of {', '.join(IO_TYPES)}")
    if options.io == "float32":
        return
    if options.precision != "int8":
        raise ExportError(
            f"io {options.io}",
            f"{options.precision} artifacts take and return float32",
            'leave `io` out, or use `precision="int8"`',
        )
    if options.embed_preprocessing:
        raise ExportError(
            f"io {options.io}",
            "an artifact with `embed_preprocessing` takes raw pixels, not quantised values",
            "leave one of the two out",
        )


def _check_opset(format: str, precision: str, opset: int) -> None:
    if format != "onnx":
        raise ExportError(f"opset {opset}", "is ONNX's", 'leave `opset` out, or use `format="onnx"`')
    from sqnxt_export.runtimes.opset_limits import check_opset

    check_opset(opset, precision)
