"""Ranges of activations that quantisation-aware training has learnt, in place of calibrated ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import onnx

from sqnxt_export.artifact.metadata import Metadata
from sqnxt_export.errors import ExportError
from sqnxt_export.quantise.calibration import Calibration, Ranges

_KEY = "quantisation_aware"
INPUT = "input"
"""The name under which the range of the model's input is kept."""
_LARGEST = 3e38
_AGAIN = "train the model again with `qat`"
"""A remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntRanges:
    """The precision that a model was trained for, and the range of each activation by the name of its layer.

    Every range includes zero. `int16x8` has no ranges: its activations are calibrated.
    """

    precision: str
    ranges: Mapping[str, tuple[float, float]]

    def to_extra(self) -> dict[str, Any]:
        """Return the entry of `Metadata.extra`."""
        return {_KEY: {"precision": self.precision, "ranges": {name: list(self.ranges[name]) for name in self.ranges}}}

    @classmethod
    def of(cls, metadata: Metadata) -> LearntRanges | None:
        """Return the ranges in a model's metadata, or None if the model was not trained for integers.

        Raises:
            ExportError: The entry does not have this form.
        """
        entry = metadata.extra.get(_KEY)
        if entry is None:
            return None
        try:
            ranges = {str(name): (float(low), float(high)) for name, (low, high) in entry["ranges"].items()}
            found = cls(precision=str(entry["precision"]), ranges=ranges)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _damaged() from error
        if not all(-_LARGEST < low <= 0 <= high < _LARGEST for low, high in ranges.values()):
            raise _damaged()
        return found

    @staticmethod
    def dropped_from(extra: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of `Metadata.extra` without the entry, for a model whose activations have changed."""
        return {key: value for key, value in extra.items() if key != _KEY}


def with_learnt_ranges(model: onnx.ModelProto, calibration: Calibration, learnt: LearntRanges) -> Calibration:
    """Return a calibration of a graph with the learnt ranges in place of the measured ones.

    Raises:
        ExportError: The graph has no tensor for some range.
    """
    made = {node.name: node.output[0] for node in model.graph.node} | {INPUT: model.graph.input[0].name}
    ranges: Ranges = dict(calibration.ranges)
    for name, limits in learnt.ranges.items():
        # the ReLU that is part of a layer has a node of its own, behind the layer's
        found = [made[node] for node in (f"{name}/relu", f"{name}/relu6", name) if node in made]
        if not found:
            raise ExportError(f"layer {name!r}", "has a learnt range and no node in the graph", _AGAIN)
        ranges[found[0]] = limits
    return replace(calibration, ranges=ranges)


def _damaged() -> ExportError:
    return ExportError("metadata", f"{_KEY} holds no ranges of activations", _AGAIN)
