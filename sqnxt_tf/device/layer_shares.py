"""Each layer's part of the time on this machine, beside its part of the cycles on a simulated array."""

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

_FAR = 1.5  # shares disagree if they differ by this factor ...
_LEAST_SHARE = 0.005  # ... and also by half a per cent of the whole
HERE, THERE = "dearer here", "dearer there"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerShare:
    """One layer's part of the time, as a fraction of the time of all compared layers.

    `low` and `high` are the quartiles of the runs. `kernels` and `fused` are those of `NodeTime`. `simulated` and
    `cycles` are None where the simulator has no cost for the node, as it folds the node into another one or the runtime
    inserted it.
    """

    name: str
    op: str
    milliseconds: float
    measured: float
    low: float
    high: float
    cycles: float | None = None
    simulated: float | None = None
    kernels: tuple[str, ...] = ()
    fused: tuple[str, ...] = ()

    @property
    def factor(self) -> float | None:
        """The measured share over the simulated one."""
        return self.measured / self.simulated if self.simulated else None

    @property
    def verdict(self) -> str:
        """The machine on which the layer is dearer, or an empty string where the two shares agree.

        They agree where the spread of the runs explains the difference. Example: a layer that takes 10 % of the time
        here, with a lower quartile of 9 %, and 5 % of the cycles there is dearer here, as 9 > 1.5 * 5.
        """
        if self.simulated is None or abs(self.measured - self.simulated) < _LEAST_SHARE:
            return ""
        if self.low > _FAR * self.simulated:
            return HERE
        return THERE if _FAR * self.high < self.simulated else ""

    def to_json(self) -> dict[str, Any]:
        """Return an entry of `layers` in the `benchmark` document."""
        return {
            "name": self.name,
            "op": self.op,
            "measured_ms": self.milliseconds,
            "measured_share": self.measured,
            "measured_share_quartiles": [self.low, self.high],
            "simulated_cycles": self.cycles,
            "simulated_share": self.simulated,
            "disagreement": self.verdict or None,
            "kernels": list(self.kernels),
            "fused": list(self.fused),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerShares:
    """All layers of one timing, in the order of execution. `accelerator` is None where nothing was simulated.

    `compared` are the layers that were both measured and simulated, or all layers without an accelerator. `others` took
    time and have no simulated cost. `not_measured` have a simulated cost, and the runtime fused them into other nodes.
    """

    timing: Timing
    accelerator: str | None
    compared: tuple[LayerShare, ...]
    others: tuple[LayerShare, ...] = ()
    not_measured: tuple[str, ...] = ()

    @property
    def total_ms(self) -> float:
        """The time of all nodes."""
        return sum(layer.milliseconds for layer in (*self.compared, *self.others))

    @property
    def others_share(self) -> float:
        """The fraction of the measured time that is in nodes without a simulated cost."""
        return sum(layer.milliseconds for layer in self.others) / (self.total_ms or 1)

    @property
    def disagreements(self) -> tuple[LayerShare, ...]:
        """The layers whose shares disagree, the largest difference first."""
        found = [layer for layer in self.compared if layer.verdict]
        return tuple(sorted(found, key=lambda layer: -abs(layer.measured - (layer.simulated or 0))))

    @property
    def rank_correlation(self) -> float | None:
        """Spearman's rank correlation of measured and simulated shares: 1 if both put the layers in the same order.

        It is None if nothing was simulated, for fewer than three layers, and if all shares of one kind are equal.
        """
        if self.accelerator is None or len(self.compared) < 3:
            return None
        measured = _ranks([layer.measured for layer in self.compared])
        simulated = _ranks([layer.simulated or 0.0 for layer in self.compared])
        if not measured.std() or not simulated.std():
            return None
        return float(np.corrcoef(measured, simulated)[0, 1])

    def to_json(self) -> dict[str, Any]:
        """Return what per-layer timing adds to an entry of the `benchmark` document."""
        return {
            "accelerator": self.accelerator,
            "profiled_ms": self.total_ms,
            "not_simulated_share": self.others_share if self.accelerator else None,
            "rank_correlation": self.rank_correlation,
            "not_measured": list(self.not_measured),
            "layers": [layer.to_json() for layer in (*self.compared, *self.others)],
        }


def layer_shares(timing: Timing, report: NetworkReport | None = None) -> LayerShares:
    """Return the shares of a timing's layers, beside those of a simulation of the same file if there is one.

    Nodes that the runtime inserted are one row an operator. Layers that were both measured and simulated are compared
    among themselves: the rest of the measured time belongs to nodes that cost the array nothing.
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
    """Return ranks by size, float64 [n]. Equal values get the mean of their ranks, as repeated blocks cost the same.

    Example: [3, 1, 3] has the ranks [2.5, 1, 2.5].
    """
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
        kernels=(*a.kernels, *b.kernels),
        fused=(*a.fused, *b.fused),
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
            kernels=layer.kernels,
            fused=layer.fused,
        )
        for layer in layers
    )
