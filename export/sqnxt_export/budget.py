"""The accuracy budget of an int8 ONNX graph: the largest accepted loss of top-1 (`max_drop`), and what was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.errors import ExportError

_ROUNDING = 1e-9
"""Tolerance on differences of fractions, which binary floating point does not represent exactly."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Budget:
    """The top-1 accuracy that an int8 ONNX graph may lose; where it would lose more, layers are left at 16 bits.

    Attributes:
        images: Float32 NHWC [n, h, w, c], preprocessed. Neither training nor calibration may have used them.
        labels: Class of each image, int64 [n].
        max_drop: Largest allowed loss of top-1 accuracy, a fraction: 0.005 is half a percentage point.

    Raises:
        ExportError: `max_drop` is not a fraction, or images and labels differ in number.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    max_drop: float

    def __post_init__(self) -> None:
        if not 0 <= self.max_drop <= 1:
            raise ExportError(f"max_drop {self.max_drop:g}", "must be a fraction of 0 to 1", "0.005 is half a point")
        if not len(self.images) or len(self.images) != len(self.labels):
            raise ExportError(
                "budget",
                f"{len(self.images)} images and {len(self.labels)} labels",
                "give one label per image, and at least one image",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Top-1 accuracy of a model and of its artifact on the images of a `Budget`.

    Attributes:
        model_top1: Fraction of images that the model classifies correctly.
        artifact_top1: Fraction of images that the artifact classifies correctly.
        max_drop: The loss that the budget allows, a fraction.
        samples: Number of images.
    """

    model_top1: float
    artifact_top1: float
    max_drop: float
    samples: int

    @property
    def within_budget(self) -> bool:
        """Whether the loss is within the budget."""
        return self.model_top1 - self.artifact_top1 <= self.max_drop + _ROUNDING


def check_budget(format: str, precision: str, *, given: bool) -> None:
    """Refuse an accuracy budget where no layer can be left at 16 bits.

    Raises:
        ExportError: A budget is given for anything but int8 in ONNX.
    """
    if given and (format, precision) != ("onnx", "int8"):
        raise ExportError(
            "`max_drop`",
            f"is kept by leaving layers at 16 bits, which {format} {precision} cannot do",
            'use `format="onnx"` with `precision="int8"`, or leave `max_drop` out',
        )
