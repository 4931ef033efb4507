"""The images that an export runs: some to calibrate on, others to prove the artifact with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.artifact.preprocessing import Preprocessing
from sqnxt_export.budget import Budget
from sqnxt_export.errors import ExportError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExportSamples:
    """Images for one export, float32 NHWC [n, h, w, c].

    The images are preprocessed. Where the artifact embeds its preprocessing, `parity` and `calibration` are pixels of
    0 to 255 instead, of any number type.

    The three sets must not overlap, which is the caller's responsibility: ranges that were fitted to the images that
    judge them prove nothing.

    Attributes:
        parity: Images on which the artifact is compared with the model.
        calibration: Images on which integer precisions are calibrated; 256 or more are recommended. Float precisions
            ignore them.
        budget: Labelled images and the top-1 accuracy that an int8 ONNX graph may lose on them.
    """

    parity: NDArray[np.float32]
    calibration: NDArray[np.float32] | None = None
    budget: Budget | None = None

    def normalised(self, preprocessing: Preprocessing) -> ExportSamples:
        """Return the samples with `preprocessing`'s arithmetic applied to `parity` and `calibration`."""
        calibration = None if self.calibration is None else preprocessing.normalise(self.calibration)
        return replace(self, parity=preprocessing.normalise(self.parity), calibration=calibration)

    def check_fit(self, shape: tuple[int, int, int]) -> None:
        """Refuse samples that a model for images of `shape` (height, width, channels) cannot take.

        Raises:
            ExportError: There are no images, they have another shape, or they hold values that are not finite.
        """
        _check_images("samples", self.parity, shape)
        if self.calibration is not None:
            _check_images("calibration samples", self.calibration, shape)
        if not np.isfinite(self.parity).all():
            raise ExportError("samples", "are not all finite", "check the preprocessing")


def _check_images(name: str, images: NDArray[np.float32], shape: tuple[int, int, int]) -> None:
    if images.ndim != 4 or not len(images):
        raise ExportError(name, f"got an array of shape {list(images.shape)}", "give images as [n, h, w, c], n >= 1")
    if images.shape[1:] != shape:
        raise ExportError(
            name,
            f"are {list(images.shape[1:])} each, the model takes {list(shape)}",
            "preprocess them for this model",
        )
