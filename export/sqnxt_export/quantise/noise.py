"""The noise that quantising adds to each layer of an ONNX graph, as signal-to-noise ratios in decibels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export.quantise.calibration import observing_session
from sqnxt_export.quantise.feeding import fed_batches
from sqnxt_export.quantise.graph_edit import GraphEdit
from sqnxt_export.runtimes.tensors import Samples

_OWN = "/own"
NOISELESS_DB = 200.0
"""Largest ratio reported: less noise than float32 itself has. It stands for infinity too."""


@dataclass(frozen=True, slots=True)
class LayerNoise:
    """The noise in a weighted layer's output, the float graph's output being the signal.

    Attributes:
        name: The layer.
        snr_db: Signal-to-noise ratio in decibels, with all noise accumulated up to this layer.
        own_snr_db: The same ratio if only this layer's own inputs and weights were rounded; None if not measured.
    """

    name: str
    snr_db: float
    own_snr_db: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return an entry of `layers` in the JSON document of an export."""
        return {"name": self.name, "snr_db": self.snr_db, "own_snr_db": self.own_snr_db}


class NoisePower:
    """Signal power and noise power, summed batch by batch."""

    def __init__(self) -> None:
        self.signal = self.noise = 0.0

    def add(self, exact: NDArray[np.float32], noisy: NDArray[np.float32]) -> None:
        """Add the power of `exact` to the signal and that of the difference to the noise."""
        wide = exact.astype(np.float64)
        self.signal += float(np.sum(wide * wide))
        self.noise += float(np.sum((wide - noisy) ** 2))

    @property
    def decibels(self) -> float:
        """10 log10 of signal power over noise power, limited to plus or minus `NOISELESS_DB`.

        Worked example: errors of a tenth of the signal have a hundredth of its power, which is 20 dB.
        """
        if self.noise <= self.signal * 10 ** (-NOISELESS_DB / 10):
            return NOISELESS_DB
        return max(10 * math.log10(self.signal / self.noise), -NOISELESS_DB) if self.signal else -NOISELESS_DB


def layer_noise(model: onnx.ModelProto, quantised: onnx.ModelProto, samples: Samples) -> tuple[LayerNoise, ...]:
    """Measure the noise of every convolution and dense layer, and return the worst first by `snr_db`.

    Outputs are matched by the names that both graphs have in common, and are taken before the layer's activation. Both
    graphs run as they are written, with each DequantizeLinear in float; integer kernels round the last bit differently.

    Args:
        model: The float32 graph.
        quantised: The graph that `quantise_onnx` made from it.
        samples: One array [n, ...] per input, as the Keras model takes them, preprocessed.
    """
    both = _side_by_side(model, quantised)
    outputs = {node.name: node.output[0] for node in GraphEdit(model).weighted_nodes()}
    names = list(outputs.values())
    exact_session, exact_names = observing_session(both, [*names, *(name + _OWN for name in names)])
    noisy_session, noisy_names = observing_session(quantised, names, optimise=False)
    ratios = {name: (NoisePower(), NoisePower()) for name in names}
    for feeds, _ in fed_batches(model, samples):
        exact = dict(zip(exact_names, exact_session.run(exact_names, feeds), strict=True))
        noisy = dict(zip(noisy_names, noisy_session.run(noisy_names, feeds), strict=True))
        for name, (whole, own) in ratios.items():
            whole.add(exact[name], noisy[name])
            own.add(exact[name], exact[name + _OWN])
    found = [LayerNoise(layer, *(ratio.decibels for ratio in ratios[name])) for layer, name in outputs.items()]
    return tuple(sorted(found, key=lambda layer: layer.snr_db))


def _side_by_side(model: onnx.ModelProto, quantised: onnx.ModelProto) -> onnx.ModelProto:
    """Return the float graph with a quantised copy of each weighted layer that reads the float graph's tensors.

    The quantised graph's own nodes can be added as they are, since its Q/DQ pairs read tensors by the float graph's
    names.
    """
    edit = GraphEdit(model)
    weighted = {node.name for node in edit.weighted_nodes()}
    for tensor in quantised.graph.initializer:
        if tensor.name not in edit.initializers:
            edit.graph.initializer.append(tensor)
    float_nodes = {node.name for node in model.graph.node}
    added = []
    for node in quantised.graph.node:
        if node.name in float_nodes and node.name not in weighted:
            continue
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        if node.name in weighted:
            copy.name += _OWN
            copy.output[0] += _OWN
        added.append(copy)
    return edit.finish([*edit.graph.node, *added])
