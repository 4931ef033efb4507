"""Layers of one graph as they are on this machine, beside what they are on a simulated array."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.device.timings import LayerTime, Timing

if TYPE_CHECKING:
    from sqnxt_sim import NetworkReport

_FAR = 1.5  # shares that differ by this factor disagree ...
_LEAST_SHARE = 0.005  # ... where they also differ by half a per cent of the whole
HERE, THERE = "dearer here", "dearer there"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerShare:
    """A layer's part of the time, as a fraction of that of all compared layers.

    `low` and `high` are the quartiles of the runs. `simulated` and `cycles` are None where the simulator has no cost
    for the node: what it folds into another, and what the runtime put in between.
    """

    name: str
    op: str
    milliseconds: float
    measured: float
    low: float
    high: float
    cycles: float | None = None
    simulated: float | None = None

    @property
    def factor(self) -> float | None:
        """Measured over simulated share."""
        return self.measured / self.simulated if self.simulated else None

    @property
    def verdict(self) -> str:
        """Where the two disagree, beyond what the spread of the runs explains: which machine the layer is dearer on."""
        if self.simulated is None or abs(self.measured - self.simulated) < _LEAST_SHARE:
            return ""
        if self.low > _FAR * self.simulated:
            return HERE
        return THERE if _FAR * self.high < self.simulated else ""

    def to_json(self) -> dict[str, Any]:
        """An entry of `layers` in the `benchmark` document."""
        return {
            "name": self.name,
            "op": self.op,
            "measured_ms": self.milliseconds,
            "measured_share": self.measured,
            "measured_share_quartiles": [self.low, self.high],
            "simulated_cycles": self.cycles,
            "simulated_share": self.simulated,
            "disagreement": self.verdict or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerShares:
    """All layers of one timing, in the order of execution. `accelerator` is None where nothing was simulated.

    `compared` are those whose shares are set beside each other; without an accelerator, all. `others` took time that
    the simulator does not cost. `not_measured` are layers that it costs and that the runtime fused into other nodes.
    """

    timing: Timing
    accelerator: str | None
    compared: tuple[LayerShare, ...]
    others: tuple[LayerShare, ...] = ()
    not_measured: tuple[str, ...] = ()

    @property
    def total_ms(self) -> float:
        """What all nodes took."""
        return sum(layer.milliseconds for layer in (*self.compared, *self.others))

    @property
    def others_share(self) -> float:
        """Fraction of the measured time that is in nodes without simulated cost."""
        return sum(layer.milliseconds for layer in self.others) / (self.total_ms or 1)

    @property
    def disagreements(self) -> tuple[LayerShare, ...]:
        """Layers with a verdict, the largest difference first."""
        found = [layer for layer in self.compared if layer.verdict]
        return tuple(sorted(found, key=lambda layer: -abs(layer.measured - (layer.simulated or 0))))

    @property
    def rank_correlation(self) -> float | None:
        """Spearman's, between measured and simulated shares: 1 where both put the layers in the same order.

        None where nothing is simulated, of fewer than three layers, and where one of the two has them all alike.
        """
        if self.accelerator is None or len(self.compared) < 3:
            return None
        measured = _ranks([layer.measured for layer in self.compared])
        simulated = _ranks([layer.simulated or 0.0 for layer in self.compared])
        if not measured.std() or not simulated.std():
            return None
        return float(np.corrcoef(measured, simulated)[0, 1])

    def to_json(self) -> dict[str, Any]:
        """What `--per-layer` adds to an entry of the `benchmark` document."""
        return {
            "accelerator": self.accelerator,
            "profiled_ms": self.total_ms,
            "not_simulated_share": self.others_share if self.accelerator else None,
            "rank_correlation": self.rank_correlation,
            "not_measured": list(self.not_measured),
            "layers": [layer.to_json() for layer in (*self.compared, *self.others)],
        }


def layer_shares(timing: Timing, report: NetworkReport | None = None) -> LayerShares:
    """Shares of a timing's layers, beside those of a simulation of the same file where there is one.

    Nodes that onnxruntime put in between are one row an operator. Layers that both know are compared among themselves:
    the rest of the measured time belongs to nodes that cost the array nothing.
    """
    measured = _by_name(timing.layers)
    if report is None:
        return LayerShares(timing=timing, accelerator=None, compared=_shares(measured.values(), {}))
    cycles: dict[str, float] = defaultdict(float)
    for cost in report.costs:
        cycles[cost.name.partition(" phase ")[0]] += cost.cycles  # a transposed convolution is several layers there
    known = {name: layer for name, layer in measured.items() if name in cycles and layer.index is not None}
    rest = [layer for name, layer in measured.items() if name not in known]
    whole = sum(layer.milliseconds for layer in measured.values())
    return LayerShares(
        timing=timing,
        accelerator=report.accelerator.name,
        compared=_shares(known.values(), cycles),
        others=_shares(rest, {}, whole),
        not_measured=tuple(name for name in cycles if name not in known),
    )


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Places in order of size, float64 [n]; equal ones share the mean of theirs: repeated blocks cost the same."""
    _, groups, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[groups]
    return ranks


def _by_name(layers: Iterable[LayerTime]) -> dict[str, LayerTime]:
    merged: dict[str, LayerTime] = {}
    for layer in layers:
        before = merged.get(layer.name)
        merged[layer.name] = layer if before is None else _added(before, layer)
    return merged


def _added(a: LayerTime, b: LayerTime) -> LayerTime:
    index = a.index if a.index is not None else b.index
    return LayerTime(
        index=index,
        name=a.name,
        op=a.op,
        milliseconds=a.milliseconds + b.milliseconds,
        low=a.low + b.low,
        high=a.high + b.high,
    )


def _shares(
    layers: Iterable[LayerTime], cycles: Mapping[str, float], whole: float | None = None
) -> tuple[LayerShare, ...]:
    layers = list(layers)
    time = whole or sum(layer.milliseconds for layer in layers) or 1.0
    total = sum(cycles[layer.name] for layer in layers) if cycles else 0.0
    return tuple(
        LayerShare(
            name=layer.name,
            op=layer.op,
            milliseconds=layer.milliseconds,
            measured=layer.milliseconds / time,
            low=layer.low / time,
            high=layer.high / time,
            cycles=cycles[layer.name] if cycles else None,
            simulated=cycles[layer.name] / total if total else None,
        )
        for layer in layers
    )
