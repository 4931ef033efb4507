"""What an artifact is to be: format, precision, batch and how integers are chosen."""

from __future__ import annotations

from dataclasses import dataclass

from sqnxt_export.errors import ExportError
from sqnxt_export.quantise.precision import check_calibration_method, check_precision


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactOptions:
    """How a model becomes an artifact."""

    format: str
    precision: str = "float32"
    batch: int | None = 1
    calibration_method: str = "minmax"
    layer_noise: bool = False
    embed_preprocessing: bool = False

    def __post_init__(self) -> None:
        check_precision(self.format, self.precision)
        check_calibration_method(self.format, self.precision, self.calibration_method)
        if self.batch is None and self.format == "tflite":
            raise ExportError("batch free", "TFLite files have a fixed batch", 'give a number, or `format="onnx"`')
