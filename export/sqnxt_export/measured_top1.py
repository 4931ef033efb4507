"""The accuracy of an artifact itself, counted when it was exported and recorded in its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

ARTIFACT_TOP1 = "artifact_top1"
"""Key of the metadata's `extra` that holds the artifact's own accuracy."""
ALLOWED_DROP = "allowed_drop"
"""Key of the metadata's `extra` that says that the artifact may have lost more answers than its precision allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredTop1:
    """Top-1 accuracy of an artifact, counted on labelled samples when it was exported.

    Attributes:
        top1: Fraction of the samples that the artifact classifies correctly.
        interval: Its 95 % interval.
        model_top1: Fraction of the same samples that the model classifies correctly.
        samples: Number of samples.
        data: Name of the data.
    """

    top1: float
    interval: tuple[float, float]
    model_top1: float
    samples: int
    data: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the entry of the metadata and of the JSON document."""
        return {**asdict(self), "interval": list(self.interval)}

    @classmethod
    def of(cls, extra: Mapping[str, Any]) -> MeasuredTop1 | None:
        """Read the entry of the metadata's `extra`; None if there is none, or not one that an export writes."""
        entry = extra.get(ARTIFACT_TOP1)
        if not isinstance(entry, dict) or set(entry) != set(cls.__dataclass_fields__):
            return None
        interval = entry["interval"]
        if not isinstance(interval, list) or len(interval) != 2 or not isinstance(entry["data"], str):
            return None
        fractions = (entry["top1"], entry["model_top1"], *interval)
        if not all(type(value) in (int, float) and 0 <= value <= 1 for value in fractions):
            return None
        if type(entry["samples"]) is not int or entry["samples"] < 1:
            return None
        return cls(**{**entry, "interval": tuple(interval)})
