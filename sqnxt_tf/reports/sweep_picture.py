"""A sweep over accelerators as a picture: lines over one number, heat maps over two, time against energy over more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sqnxt_base.printable_text import printable_in_picture
from sqnxt_export import whole_file
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.reports.picture_files import check_picture_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sqnxt_sim import NetworkTotals
    from sqnxt_tf.workflows.sweep import Sweep, SweepPoint

_FIGURES: dict[str, Callable[[NetworkTotals], float]] = {
    "time in ms": lambda totals: totals.time_ms,
    "energy in 10⁶ MACs": lambda totals: totals.energy.total / 1e6,
}
_BLUE, _ORANGE = "#0072B2", "#D55E00"  # told apart by colour-blind eyes too
_MOST_NUMBERS = 150  # cells of a heat map that are labelled


def draw_sweep(sweep: Sweep, path: Path, *, force: bool = False) -> None:
    """Draw a sweep; the suffix of `path` chooses the format. Pareto-optimal arrays are marked.

    Raises:
        SqnxtError: The suffix is unknown, no array has room for the network, or matplotlib is not installed.
        ExportError: The file exists and `force` is not set, or cannot be written.
    """
    check_picture_file(path, force=force)
    if not sweep.front:
        raise SqnxtError(sweep.model, "fits none of the arrays", "sweep over larger buffers")
    import matplotlib
    from matplotlib.figure import Figure

    dimensions = [key for key, values in sweep.grid.dimensions.items() if len(values) > 1]
    # Text stays text, and an SVG of the same data is the same file: no random ids, no date.
    with matplotlib.rc_context({"svg.hashsalt": "sweep", "svg.fonttype": "none"}):
        figure = Figure(figsize=(11, 4.8), layout="constrained")
        if len(dimensions) <= 1:
            _draw_lines(figure, sweep, dimensions[0] if dimensions else next(iter(sweep.grid.dimensions)))
        elif len(dimensions) == 2:
            _draw_maps(figure, sweep, dimensions)
        else:
            _draw_cloud(figure, sweep)
        title = f"{sweep.model} on {len(sweep.points):,} arrays made of {sweep.grid.base.name}"
        figure.suptitle(printable_in_picture(title))
        with whole_file(path, force=force) as temporary:
            figure.savefig(temporary, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def _draw_lines(figure: Figure, sweep: Sweep, key: str) -> None:
    """Draw time and energy over the values of one number; dots are Pareto-optimal."""
    for axes, (label, figure_of) in zip(figure.subplots(1, 2), _FIGURES.items(), strict=True):
        fitting = sorted(_fitting(sweep), key=lambda point: point.values[key])
        axes.plot([one.values[key] for one in fitting], _values(fitting, figure_of), color=_BLUE, linewidth=1.2)
        front = [one for one in fitting if one.pareto]
        axes.plot(
            [one.values[key] for one in front], _values(front, figure_of), "o", color=_ORANGE, label="Pareto-optimal"
        )
        axes.set(xlabel=key, ylabel=label, xscale=_scale(sweep.grid.dimensions[key]))
        axes.set_ylim(0, 1.1 * max(_values(fitting, figure_of)))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)


def _draw_maps(figure: Figure, sweep: Sweep, keys: Sequence[str]) -> None:
    """Draw time and energy as heat maps over two numbers; framed cells are Pareto-optimal, empty ones do not fit."""
    down, across = keys
    rows, cols = (sorted(sweep.grid.dimensions[key]) for key in (down, across))
    places = {id(one): (rows.index(one.values[down]), cols.index(one.values[across])) for one in sweep.points}
    for axes, (label, figure_of) in zip(figure.subplots(1, 2), _FIGURES.items(), strict=True):
        grid = np.full((len(rows), len(cols)), np.nan)
        for one in _fitting(sweep):
            grid[places[id(one)]] = figure_of(_totals(one))
        image = axes.imshow(grid, aspect="auto", origin="lower", cmap="viridis_r")
        figure.colorbar(image, ax=axes, label=label)
        axes.set(xlabel=across, ylabel=down)
        axes.set_xticks(range(len(cols)), [f"{value:,g}" for value in cols], rotation=45, ha="right", fontsize=8)
        axes.set_yticks(range(len(rows)), [f"{value:,g}" for value in rows], fontsize=8)
        for one in sweep.front:
            _frame(axes, *places[id(one)])
        if grid.size <= _MOST_NUMBERS:
            _label_cells(axes, grid)


def _frame(axes: Axes, row: int, col: int) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((col - 0.46, row - 0.46), 0.92, 0.92, fill=False, edgecolor=_ORANGE, linewidth=1.6))


def _label_cells(axes: Axes, grid: np.ndarray[Any, Any]) -> None:
    middle = (np.nanmin(grid) + np.nanmax(grid)) / 2
    for (row, col), value in np.ndenumerate(grid):
        if not np.isnan(value):
            colour, text = "white" if value > middle else "black", f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
            axes.text(col, row, text, ha="center", va="center", fontsize=7, color=colour)


def _draw_cloud(figure: Figure, sweep: Sweep) -> None:
    """Draw every array as a dot, energy over time; the colour is the area, and Pareto-optimal ones are ringed."""
    (time_label, time_of), (energy_label, energy_of) = _FIGURES.items()
    axes = figure.subplots()
    fitting = _fitting(sweep)
    times, energies = _values(fitting, time_of), _values(fitting, energy_of)
    dots = axes.scatter(times, energies, c=[one.area for one in fitting], s=18, cmap="viridis_r")
    axes.scatter(
        _values(sweep.front, time_of), _values(sweep.front, energy_of),
        s=46, facecolors="none", edgecolors=_ORANGE, linewidths=1.1, label="Pareto-optimal in time, energy and area",
    )  # fmt: skip
    figure.colorbar(dots, ax=axes, label="area in PEs")
    axes.set(xlabel=time_label, ylabel=energy_label, xscale=_scale(times), yscale=_scale(energies))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def _fitting(sweep: Sweep) -> list[SweepPoint]:
    return [point for point in sweep.points if point.totals is not None]


def _totals(point: SweepPoint) -> NetworkTotals:
    assert point.totals is not None
    return point.totals


def _values(points: Sequence[SweepPoint], figure_of: Callable[[NetworkTotals], float]) -> list[float]:
    return [figure_of(_totals(point)) for point in points]


def _scale(values: Sequence[float]) -> str:
    """Return a logarithmic axis for values that span more than a factor of ten."""
    return "log" if min(values) > 0 and max(values) > 10 * min(values) else "linear"
