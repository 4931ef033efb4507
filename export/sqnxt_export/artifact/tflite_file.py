""".tflite files for this package: read by the simulator's frontend, and checked before LiteRT sees them."""

from __future__ import annotations

from math import inf
from pathlib import Path

from sqnxt_export.artifact.frontend_errors import as_export_errors
from sqnxt_export.errors import ExportError
from sqnxt_sim.frontend.tflite_file import read_tflite_file
from sqnxt_sim.frontend.tflite_parts import TfliteFile, TfliteTensor

_SCALED = ("int8", "int16")
"""Types that need a scale; LiteRT ends the process if the scale is missing or not a number."""


def read_tflite(path: Path) -> TfliteFile:
    """Read the tensors and operators of a file, and check every offset and index on the way.

    Raises:
        ExportError: The file is not a .tflite file, is cut short, or is inconsistent.
    """
    with as_export_errors():
        return read_tflite_file(path)


def check_tflite(path: Path) -> None:
    """Refuse a file that might end LiteRT's process.

    Raises:
        ExportError: See `read_tflite`; also for scales that are not positive numbers with one zero point each.
    """
    for tensor in read_tflite(path).tensors:
        if fault := _fault_of_scales(tensor):
            raise ExportError(path, f"damaged ({fault})", "copy or export it again")


def _fault_of_scales(tensor: TfliteTensor) -> str:
    scales, zero_points = tensor.quantization.scales, tensor.quantization.zero_points
    if len(scales) != len(zero_points):
        return f"{len(scales)} scales and {len(zero_points)} zero points"
    missing = tensor.kind.name in _SCALED and not scales
    if missing or not all(0 < scale < inf for scale in scales):
        return f"an {tensor.kind.name} tensor with the scales {list(scales[:4])}, which ends LiteRT's process"
    return ""
