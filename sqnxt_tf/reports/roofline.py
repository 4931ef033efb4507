"""The roofline of a simulated network as a picture: what each layer does of what the array and the DRAM allow."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sqnxt_export import whole_file
from sqnxt_sim import LayerCost, NetworkReport
from sqnxt_tf.errors import SqnxtError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".svg", ".png", ".pdf")
_COLOURS = {"weight_stationary": "#0072B2", "output_stationary": "#D55E00"}  # told apart by colour-blind eyes too
_NAMED = 6  # the dots that take longest are named


def draw_roofline(report: NetworkReport, path: Path, *, force: bool = False) -> None:
    """Write the picture to `path`; its suffix says what kind.

    A dot is a layer, or several that are alike, and its area their share of the time; skipped zeros are no work.

    Raises:
        SqnxtError: An unknown suffix, a network without costed layers, or no matplotlib.
        ExportError: The file exists and `force` is not set, or cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise SqnxtError(path, "is no name of a picture", f"end it with one of {', '.join(FORMATS)}")
    if not report.costed:
        raise SqnxtError(report.model, "no layer of it runs on the array", "there is no roofline to draw")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise SqnxtError(
            "matplotlib",
            "is not installed and is needed for drawing the roofline",
            "run `pip install 'sqnxt-tf[report]'`",
        ) from None
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.add_subplot()
    _draw_roof(axes, report)
    _draw_layers(axes, report)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="MACs for each DRAM byte",
        ylabel="MACs a cycle",
        title=f"{report.model} on {report.accelerator.name}",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.grid(which="major", alpha=0.3)
    axes.legend(loc="lower right")
    with whole_file(path, force=force) as temporary:
        figure.savefig(temporary, dpi=150)


def _draw_roof(axes: Axes, report: NetworkReport) -> None:
    array, bandwidth = report.accelerator.array, report.accelerator.dram_bytes_per_cycle
    # A network of mixed widths has as many ceilings as its widths have speeds; the highest is drawn.
    peak = max(cost.peak_macs_per_cycle for cost in report.costed)
    intensities = [cost.roofline.macs_per_dram_byte for cost in report.costed if cost.roofline.macs_per_dram_byte > 0]
    low = min([*intensities, peak / bandwidth]) / 2
    high = max([*intensities, peak / bandwidth]) * 2
    ridge = peak / bandwidth
    axes.plot([low, ridge, high], [low * bandwidth, peak, peak], color="black", linewidth=1.2)
    axes.annotate(
        f"{array.rows}x{array.cols} PEs: {peak:g} MACs a cycle", (high, peak), (-4, 4), textcoords="offset points",
        ha="right", va="bottom", fontsize=8,
    )  # fmt: skip
    axes.annotate(
        f"DRAM: {bandwidth:g} bytes a cycle", (low, low * bandwidth), (4, -4), textcoords="offset points",
        ha="left", va="top", fontsize=8,
    )  # fmt: skip


def _draw_layers(axes: Axes, report: NetworkReport) -> None:
    """Layers that stand in the same place, as equal blocks do, are one dot."""
    dots: dict[tuple[str, float, float], list[LayerCost]] = {}
    for cost in report.costed:
        if cost.chosen.executed_macs:
            roofline = cost.roofline
            place = (f"{cost.chosen.dataflow}", roofline.macs_per_dram_byte, roofline.macs_per_cycle)
            dots.setdefault(place, []).append(cost)
    for dataflow, colour in _COLOURS.items():
        mine = {place: costs for place, costs in dots.items() if place[0] == dataflow}
        axes.scatter(
            [x for _, x, _ in mine],
            [y for _, _, y in mine],
            s=[12 + 3000 * _cycles(costs) / report.cycles for costs in mine.values()],
            color=colour, alpha=0.6, linewidths=0,
        )  # fmt: skip
        if mine:
            axes.scatter([], [], s=60, color=colour, alpha=0.6, linewidths=0, label=dataflow.replace("_", " "))
    longest = sorted(dots.items(), key=lambda dot: _cycles(dot[1]), reverse=True)[:_NAMED]
    for number, ((_, x, y), _) in enumerate(longest, 1):
        axes.annotate(str(number), (x, y), ha="center", va="center", fontsize=7)
    key = [f"{number}  {_named(costs, report)}" for number, (_, costs) in enumerate(longest, 1)]
    axes.text(0.02, 0.97, "\n".join(key), transform=axes.transAxes, va="top", fontsize=8, linespacing=1.5)


def _named(costs: list[LayerCost], report: NetworkReport) -> str:
    others = f" and {len(costs) - 1} like it" if len(costs) > 1 else ""
    return f"{costs[0].name}{others}: {_cycles(costs) / report.cycles:.0%} of the cycles"


def _cycles(costs: Iterable[LayerCost]) -> float:
    return sum(cost.cycles for cost in costs)
