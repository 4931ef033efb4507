"""The data of the paper's Figures 6 and 7, from our simulator and the paper's accuracies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqnxt_sim import LayerCost, NetworkReport, simulate_workload
from sqnxt_tf.exploration.workloads import network_workload
from sqnxt_tf.networks.published import PaperFigures, paper_figures
from sqnxt_tf.networks.registry import find_network
from sqnxt_tf.networks.summaries import summarise
from sqnxt_tf.paper.table3 import ARRAYS, SPARSITY, paper_accelerators, paper_costs

VARIANTS = ("sqnxt23_w1", "sqnxt23v2_w1", "sqnxt23v3_w1", "sqnxt23v4_w1", "sqnxt23v5_w1")
_FASTEST = "sqnxt23v5_w1"  # of Table 3 on 16x16, the paper's unit of time
_NOT_IN_FIGURE_7 = ("alexnet", "vgg19")
_BLOCK = re.compile(r"(stage\d)_(?:block\d+_)?(transition|shortcut|squeeze1|squeeze2|conv|expand)")
_ROLES = ("transition", "shortcut", "squeeze1", "squeeze2", "conv", "expand")


@dataclass(frozen=True, slots=True, order=True)
class LayerGroup:
    """Layers of one configuration, in the order in which they run.

    `stage` is `stem`, `stage1` to `stage4`, `head` or `classifier`. A 3x1 and a 1x3 kernel with the same channels are
    one configuration.
    """

    order: tuple[int, int, int]
    stage: str
    channels: tuple[int, int]
    kernel: tuple[int, int]
    stride: int

    @property
    def label(self) -> str:
        """The label of the group, as in `64→16 1×1`, with the stride if it is not 1."""
        name = {"stem": "stem", "head": "head", "classifier": "FC"}.get(self.stage)
        stride = f" /{self.stride}" if self.stride > 1 else ""
        kernel = f"{self.kernel[0]}×{self.kernel[1]}"
        return name or f"{self.channels[0]}→{self.channels[1]} {kernel}{stride}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure6Bar:
    """One bar of Figure 6: a group of layers of one network on one array."""

    array: str
    network: str
    group: LayerGroup
    layers: int
    cycles: float
    macs: int
    dataflows: tuple[str, ...]

    @property
    def macs_per_cycle(self) -> float:
        """The MACs a cycle, which the paper calls acceleration efficiency."""
        return self.macs / self.cycles

    def to_json(self) -> dict[str, Any]:
        """Return a row of the data."""
        return {
            "array": self.array,
            "network": self.network,
            "stage": self.group.stage,
            "configuration": self.group.label,
            "layers": self.layers,
            "cycles": self.cycles,
            "macs": self.macs,
            "macs_per_cycle": self.macs_per_cycle,
            "dataflow": "+".join(self.dataflows),
        }


def figure6() -> tuple[Figure6Bar, ...]:
    """Return time and efficiency of v1 to v5 on both arrays; layers of one configuration are summed."""
    return tuple(
        bar
        for array, accelerator in zip(ARRAYS, paper_accelerators(), strict=True)
        for network in VARIANTS
        for bar in _bars(array, network, simulate_workload(network_workload(network), accelerator, sparsity=SPARSITY))
    )


def _bars(array: str, network: str, report: NetworkReport) -> Iterator[Figure6Bar]:
    groups: dict[LayerGroup, list[LayerCost]] = {}
    for cost in report.costed:
        groups.setdefault(_group(cost), []).append(cost)
    for group, costs in sorted(groups.items()):
        yield Figure6Bar(
            array=array,
            network=network,
            group=group,
            layers=len(costs),
            cycles=sum(cost.cycles for cost in costs),
            macs=sum(cost.macs for cost in costs),
            dataflows=tuple(sorted({str(cost.chosen.dataflow) for cost in costs})),
        )


def _group(cost: LayerCost) -> LayerGroup:
    """Return the group of a layer. The stem is one group with any kernel, as it is one layer in every variant."""
    layer, found = cost.layer, _BLOCK.match(cost.name)
    if cost.name == "stem":
        return LayerGroup((0, 0, 0), "stem", (0, 0), (0, 0), 0)
    channels = (layer.in_channels, layer.out_channels)
    kernel = (max(layer.kernel_height, layer.kernel_width), min(layer.kernel_height, layer.kernel_width))
    if found is None:
        return LayerGroup((5, cost.name != "head", 0), cost.name, channels, kernel, layer.stride_height)
    stage, role = found.groups()
    # The order inside a role. In v1 the first squeeze of a stage reads the stage's input and does not halve it as later
    # ones do. Of the two separable convolutions, the first reads fewer channels.
    among = int(channels[0] == 2 * channels[1]) if role == "squeeze1" else layer.in_channels
    role = "transition" if role == "shortcut" else role  # v1's parallel shortcut is v2's transition: one 1x1
    return LayerGroup((int(stage[-1]), _ROLES.index(role), among), stage, channels, kernel, layer.stride_height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure7Circle:
    """One circle of Figure 7: a network on one array.

    Times are over those of 1.0-SqNxt-23v5. `paper_time` and `paper_energy` are None for networks outside of Table 3.
    """

    array: str
    network: str
    paper_name: str
    family: str
    params: int
    top1_percent: float
    time: float
    energy: float
    cycles: float
    paper_time: float | None
    paper_energy: float | None

    def to_json(self) -> dict[str, Any]:
        """Return a row of the data."""
        return {name: getattr(self, name) for name in self.__slots__}


def figure7() -> tuple[Figure7Circle, ...]:
    """Return the paper's accuracies of its networks, with time and energy as simulated here, on both arrays."""
    known = {name: figures for name, figures in paper_figures().items() if name not in _NOT_IN_FIGURE_7}
    return tuple(
        circle
        for array, accelerator in zip(ARRAYS, paper_accelerators(), strict=True)
        for circle in _circles(
            array,
            known,
            {name: simulate_workload(network_workload(name), accelerator, sparsity=SPARSITY) for name in known},
        )
    )


def _circles(array: str, known: dict[str, PaperFigures], reports: dict[str, NetworkReport]) -> Iterator[Figure7Circle]:
    printed = {find_network(model).name: figures for model, figures in paper_costs().items()}
    unit = printed[_FASTEST][f"time_{array}"]
    for name, report in reports.items():
        theirs = printed.get(name)
        yield Figure7Circle(
            array=array,
            network=name,
            paper_name=known[name].model,
            family=_family(name),
            params=summarise(name).params,
            top1_percent=known[name].top1_percent,
            time=report.cycles / reports[_FASTEST].cycles,
            energy=report.energy.total,
            cycles=report.cycles,
            paper_time=None if theirs is None else theirs[f"time_{array}"] / unit,
            paper_energy=None if theirs is None else theirs[f"energy_{array}"],
        )


def _family(name: str) -> str:
    families = {"sqnxt": "SqueezeNext", "squeezenet": "SqueezeNet", "mobilenet": "MobileNet", "tiny": "Tiny Darknet"}
    return next(family for start, family in families.items() if name.startswith(start))
