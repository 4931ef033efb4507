"""The layers of one model in two runtimes, from its .onnx and its .tflite file, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqnxt_tf.device.layer_shares import LayerShare, LayerShares

_ALIKE = 0.5  # of the names of the file with fewer layers, from which on two files are one model's


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedLayer:
    """One layer in both files; None in the one that does not name it, as its runtime made it part of another layer."""

    name: str
    onnx: LayerShare | None
    tflite: LayerShare | None

    @property
    def op(self) -> str:
        """The operator, as the .tflite file has it: onnxruntime names what it made of it."""
        layer = self.tflite or self.onnx
        return layer.op if layer else ""

    @property
    def simulated(self) -> float | None:
        """The fraction of the simulated cycles, where one of the files has it."""
        return next((one.simulated for one in (self.onnx, self.tflite) if one and one.simulated is not None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimePair:
    """The layers of an .onnx file and of a .tflite file of the same model, timed with the same number of threads."""

    onnx: LayerShares
    tflite: LayerShares

    @property
    def layers(self) -> tuple[PairedLayer, ...]:
        """All layers: those of the .onnx file in their order, then those that only the .tflite file names."""
        first, second = by_name(self.onnx), by_name(self.tflite)
        return tuple(
            PairedLayer(name=name, onnx=first.get(name), tflite=second.get(name))
            for name in dict.fromkeys([*first, *second])
        )


def by_name(shares: LayerShares) -> dict[str, LayerShare]:
    """Return the layers of a timing by their names, in the order of execution."""
    known = {layer.name: layer for layer in (*shares.compared, *shares.others)}
    return {layer.name: known[layer.name] for layer in shares.timing.layers}


def runtime_pairs(all_shares: Sequence[LayerShares]) -> tuple[RuntimePair, ...]:
    """Return a pair for each .tflite file whose model is given as an .onnx file too, in the same precision if possible.

    Two files are of one model if at least half of their layers have the same names.
    """
    pairs = []
    for tflite in all_shares:
        if tflite.timing.format != "tflite":
            continue
        partners = [one for one in all_shares if one.timing.format == "onnx" and _fit(one, tflite)]
        partners.sort(key=lambda one: one.timing.precision != tflite.timing.precision)
        if partners:
            pairs.append(RuntimePair(onnx=partners[0], tflite=tflite))
    return tuple(pairs)


def _fit(a: LayerShares, b: LayerShares) -> bool:
    first, second = by_name(a).keys(), by_name(b).keys()
    alike = len(first & second) >= _ALIKE * min(len(first), len(second))
    return alike and a.timing.threads == b.timing.threads
