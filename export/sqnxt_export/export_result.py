"""What an export has written, with the figures of its proof."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqnxt_export.budget import Accuracy
from sqnxt_export.measured_top1 import MeasuredTop1
from sqnxt_export.parity_result import Parity
from sqnxt_export.quantise.noise import LayerNoise


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """An artifact that was written, and how it compares with its model.

    Attributes:
        format: "onnx" or "tflite".
        precision: Precision of the artifact.
        path: The file.
        bytes: Size of the file.
        compressed_bytes: Size of the file once deflated, as in a zip archive.
        nonzero_fraction: Fraction of the weights that are not zero.
        parity: The comparison with the model.
        source: Where the model came from, as the caller named it.
        notes: Sentences that the user should read.
        layers: Noise of each layer, worst first; None unless `layer_noise` was asked for.
        wider: Layers of an int8 graph that kept 16 bits; None without a budget.
        accuracy: Top-1 accuracy on the budget's images; None without a budget.
        top1: Top-1 accuracy of the artifact on the labelled samples of parity; None where they have no labels.
    """

    format: str
    precision: str
    path: str
    bytes: int
    compressed_bytes: int
    nonzero_fraction: float
    parity: Parity
    source: str
    notes: tuple[str, ...] = ()
    layers: tuple[LayerNoise, ...] | None = None
    wider: tuple[str, ...] | None = None
    accuracy: Accuracy | None = None
    top1: MeasuredTop1 | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document of an export: every field that is not None."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values |= {"parity": self.parity.to_json(), "notes": list(self.notes)}
        values["layers"] = None if self.layers is None else [layer.to_json() for layer in self.layers]
        values["wider"] = None if self.wider is None else list(self.wider)
        values["accuracy"] = None if self.accuracy is None else asdict(self.accuracy)
        values["top1"] = None if self.top1 is None else self.top1.to_json()
        return {name: value for name, value in values.items() if value is not None}
