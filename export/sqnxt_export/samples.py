"""The samples that an export runs: some to calibrate on, others to prove the artifact with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.artifact.preprocessing import Preprocessing
from sqnxt_export.budget import Budget
from sqnxt_export.errors import ExportError
from sqnxt_export.runtimes.tensors import Samples, TensorInfo, as_arrays


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExportSamples:
    """Samples for one export: images as float32 NHWC [n, h, w, c], or whatever else the model takes.

    A model with several inputs gets a sequence with one array [n, ...] per input, in the model's order. Images are
    preprocessed. Where the artifact embeds its preprocessing, `parity` and `calibration` are pixels of 0 to 255
    instead, of any number type.

    The three sets must not overlap, which is the caller's responsibility: ranges that were fitted to the samples that
    judge them prove nothing.

    Attributes:
        parity: Samples on which the artifact is compared with the model.
        calibration: Samples on which integer precisions are calibrated; 256 or more are recommended. Float precisions
            ignore them.
        budget: Labelled images and the top-1 accuracy that an int8 ONNX graph may lose on them.
        labels: Class of each sample of `parity`, int64 [n], by which the artifact's own accuracy is counted.
        further: More samples like `parity`, with labels or without, which are read only while the samples so far are
            too few to tell whether a trained model's artifact keeps enough of its answers.
        data: Name of the data that `parity` and `further` come from.
    """

    parity: Samples
    calibration: Samples | None = None
    budget: Budget | None = None
    labels: NDArray[np.int64] | None = None
    further: Iterable[ExportSamples] = ()
    data: str = ""

    def normalised(self, preprocessing: Preprocessing) -> ExportSamples:
        """Return the samples with `preprocessing`'s arithmetic applied to `parity` and `calibration`."""
        parity, *_ = as_arrays(self.parity)
        calibration = None if self.calibration is None else preprocessing.normalise(as_arrays(self.calibration)[0])
        return replace(self, parity=preprocessing.normalise(parity), calibration=calibration)

    def first(self, count: int) -> tuple[NDArray[Any], ...]:
        """Return the first `count` samples of `parity`, one array per input."""
        return tuple(array[:count] for array in as_arrays(self.parity))

    def check_fit(self, inputs: Sequence[TensorInfo]) -> None:
        """Refuse samples that a model with these inputs cannot take.

        Raises:
            ExportError: There are no samples, they have another shape, or they hold values that are not finite.
        """
        _check_arrays("samples", self.parity, inputs)
        if self.calibration is not None:
            _check_arrays("calibration samples", self.calibration, inputs)
        if not all(np.isfinite(array).all() for array in as_arrays(self.parity)):
            raise ExportError("samples", "are not all finite", "check the preprocessing")


def _check_arrays(name: str, samples: Samples, inputs: Sequence[TensorInfo]) -> None:
    arrays = as_arrays(samples)
    if len(arrays) != len(inputs):
        raise ExportError(
            name, f"are {len(arrays)} arrays, and the model has {len(inputs)} inputs", "give one array for each input"
        )
    for array, info in zip(arrays, inputs, strict=True):
        if array.ndim != len(info.shape) + 1 or not len(array) or len(array) != len(arrays[0]):
            wanted = "images as [n, h, w, c]" if info.is_image else f"[n, {', '.join(map(str, info.shape))}]"
            raise ExportError(name, f"got an array of shape {list(array.shape)}", f"give {wanted}, n >= 1")
        if array.shape[1:] != info.shape:
            raise ExportError(
                name,
                f"are {list(array.shape[1:])} each, the model takes {list(info.shape)}",
                "preprocess them for this model",
            )
