"""The roofline of a simulated network: each layer's MACs a cycle under the limits of the array and of the DRAM."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.printable_text import printable, printable_in_picture
from sqnxt_export import whole_file
from sqnxt_sim import LayerCost, NetworkReport
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.reports.picture_files import check_picture_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"weight_stationary": "#0072B2", "output_stationary": "#D55E00"}  # told apart by colour-blind eyes too
_NAMED = 6  # the dots that take longest are named
_LONGEST_NAME = 44  # characters
_APART = 0.02  # of the picture's height or width: dots that are nearer share one label


def draw_roofline(report: NetworkReport, path: Path, *, force: bool = False) -> None:
    """Draw the roofline; the suffix of `path` chooses the format.

    A dot is a layer, or several layers with the same figures. Its area is their part of the time. Skipped zeros do not
    count as work.

    Raises:
        SqnxtError: The suffix is unknown, no layer is costed, or matplotlib is not installed.
        ExportError: The file exists and `force` is not set, or cannot be written.
    """
    check_picture_file(path, force=force)
    if not report.costed:
        raise SqnxtError(report.model, "has no layer that runs on the array", "give a network with convolutions")
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter

    figure = Figure(figsize=(9, 6.5), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log")
    _draw_roof(axes, report)
    _draw_layers(axes, report)
    axes.set(
        xlabel="MACs for each DRAM byte",
        ylabel="MACs a cycle",
        title=printable_in_picture(f"{report.model} on {report.accelerator.name}"),
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(LogFormatter())
    axes.grid(which="major", alpha=0.3)
    figure.legend(loc="outside lower left", ncols=2, fontsize=8)  # below, as names of layers may be long
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
    says = f"{array.rows}x{array.cols} PEs: {peak:g} MACs a cycle; DRAM: {bandwidth:g} bytes a cycle"
    axes.plot([low, ridge, high], [low * bandwidth, peak, peak], color="black", linewidth=1.2, label=says)


def _draw_layers(axes: Axes, report: NetworkReport) -> None:
    """Draw a dot for each place; equal blocks stand in the same place and share one."""
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
    for (x, y), numbers in _numbered([(x, y) for (_, x, y), _ in longest], axes).items():
        axes.annotate(", ".join(map(str, numbers)), (x, y), ha="center", va="center", fontsize=7)
    for number, (_, costs) in enumerate(longest, 1):
        axes.plot([], [], linestyle="", marker=f"${number}$", color="black", label=_named(costs, report))


def _numbered(places: list[tuple[float, float]], axes: Axes) -> dict[tuple[float, float], list[int]]:
    """Return the numbers to write at each place. A place close to an earlier one adds its number there."""
    groups: dict[tuple[float, float], list[int]] = {}
    axes.autoscale_view()  # the limits decide which places are near
    relative = axes.transAxes.inverted()
    seen: list[tuple[NDArray[np.float64], list[int]]] = []
    for number, place in enumerate(places, 1):
        here = relative.transform(axes.transData.transform(place))
        near = next((numbers for there, numbers in seen if np.abs(here - there).max() < _APART), None)
        if near is None:
            groups[place] = [number]
            seen.append((here, groups[place]))
        else:
            near.append(number)
    return groups


def _named(costs: list[LayerCost], report: NetworkReport) -> str:
    name = printable(costs[0].name)
    name = printable_in_picture(name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…")
    others = f" and {len(costs) - 1} like it" if len(costs) > 1 else ""
    return f"{name}{others}: {_cycles(costs) / report.cycles:.0%} of the cycles"


def _cycles(costs: Iterable[LayerCost]) -> float:
    return sum(cost.cycles for cost in costs)
