"""Values and zeros of clustered kernels, counted in the artifact that ships."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.user_files import read_whole
from sqnxt_export.compression.regions import constant_tensors
from sqnxt_export.errors import ExportError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusteredKernel:
    """A kernel of the model and what is claimed of it.

    Attributes:
        values: Its weights, float32 of any shape.
        density: Largest fraction of its weights that are not zero; None claims nothing.
    """

    values: NDArray[np.float32]
    density: float | None = None


def check_clustered(path: Path, kernels: Mapping[str, ClusteredKernel], *, bits: int) -> None:
    """Refuse an artifact that does not hold the clustered kernels of its model.

    An exporter orders the axes of a kernel in its own way and keeps the weights. So a kernel is found by its weights,
    whatever their order, and its values and zeros are counted in the file.

    Args:
        path: A float32 .onnx or .tflite file.
        kernels: The kernels of the model by their place.
        bits: Bits per clustered weight (2^bits - 1 values plus zero).

    Raises:
        ExportError: A kernel is not in the file, or has too many values or too few zeros there.
    """
    data = read_whole(path)
    found = {}
    for region in constant_tensors(path, data):
        if region.type == "float32":
            values = np.frombuffer(data, "<f4", region.count, region.offset)
            found[_identity(values)] = values
    for place, kernel in kernels.items():
        weights = found.get(_identity(kernel.values))
        if weights is None:
            raise ExportError(
                path,
                f"not written, since the exporter changed the clustered weights of {place}",
                "report this with the model",
            )
        if fault := _fault(weights, bits, kernel.density):
            raise ExportError(path, f"not written, since {place} {fault}", "report this with the model")


def _fault(weights: NDArray[np.float32], bits: int, density: float | None) -> str:
    """Return what is wrong with a kernel of the file, or ""."""
    nonzero = weights[weights != 0]
    if (values := len(np.unique(nonzero))) > (1 << bits) - 1:
        return f"has {values} values besides zero, more than {bits} bits tell apart"
    kept = weights.size if density is None else max(round(density * weights.size), 1)
    return f"keeps {nonzero.size:,} weights of {kept:,}" if nonzero.size > kept else ""


def _identity(weights: NDArray[np.float32]) -> bytes:
    """Return bytes that are equal for kernels of the same weights in any order; minus zero counts as zero."""
    return (np.sort(weights, axis=None) + np.float32(0)).astype("<f4").tobytes()
