"""What a comparison of an artifact with its model found: figures of each output, and of all together."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputParity:
    """The comparison of one output.

    Attributes:
        name: Name of the output.
        task: What it is: "classifier", "map" or "regressor".
        max_abs_diff: Largest absolute difference.
        max_rel_diff: Largest absolute difference over the largest absolute reference value.
        max_range_diff: Largest absolute difference over the range of the reference.
        sqnr_db: Variance of the reference over the mean squared error, in decibels; infinite if they are equal.
        top1_agreement: Fraction of samples (of a map, of pixels) with the same best class; None for other outputs.
        top1_interval: The 95 % interval of `top1_agreement`.
        unsure: Whether the samples are too few to tell if a trained model keeps enough of its answers.
        alike: Whether the reference is nearly the same for all samples, so that the comparison proves little.
        reason: Why it failed; empty if it passed.
    """

    name: str
    task: str
    max_abs_diff: float
    max_rel_diff: float
    max_range_diff: float
    sqnr_db: float
    top1_agreement: float | None
    top1_interval: tuple[float, float] | None = None
    unsure: bool = False
    alike: bool = False
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return an entry of `parity.outputs`; figures that are not finite become null."""
        return {**_finite(asdict(self)), "passed": not self.reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """The comparison of all outputs of two models.

    Attributes:
        max_abs_diff: Largest absolute difference of any output.
        max_rel_diff: Largest absolute difference over the largest absolute reference value, of the worst output.
        top1_agreement: Fraction of samples with the same best class, of the worst output that has classes; None if no
            output has.
        samples: Number of samples compared.
        passed: Whether the differences are within the precision's thresholds.
        reason: Why it failed; empty if it passed.
        outputs: The comparison of each output.
    """

    max_abs_diff: float
    max_rel_diff: float
    top1_agreement: float | None
    samples: int
    passed: bool
    reason: str = ""
    outputs: tuple[OutputParity, ...] = ()

    @property
    def sqnr_db(self) -> float:
        """The signal-to-noise ratio of the worst output in decibels; infinite if all are equal."""
        return min((output.sqnr_db for output in self.outputs), default=float("nan"))

    @property
    def unsure(self) -> bool:
        """Whether all passed, and more samples are needed to tell if a trained model keeps enough of its answers."""
        return self.passed and any(output.unsure for output in self.outputs)

    @property
    def proves_nothing(self) -> bool:
        """Whether every output is nearly the same for all samples, as those of random weights may be."""
        return bool(self.outputs) and all(output.alike for output in self.outputs)

    def to_json(self) -> dict[str, Any]:
        """Return the `parity` object of the JSON document; differences that are not finite become null."""
        values = {**asdict(self), "sqnr_db": self.sqnr_db, "proves_nothing": self.proves_nothing, "unsure": self.unsure}
        del values["reason"]
        return {**_finite(values), "outputs": [output.to_json() for output in self.outputs]}


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with null in place of numbers that are not finite."""
    return {
        key: None if isinstance(value, float) and not np.isfinite(value) else value for key, value in values.items()
    }
