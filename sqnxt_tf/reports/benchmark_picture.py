"""How long artifacts take, as a picture: one bar a file, or one pair of bars a layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqnxt_base.printable_text import printable_in_picture
from sqnxt_export import whole_file
from sqnxt_tf.reports.picture_files import check_picture_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sqnxt_tf.device.layer_shares import LayerShare, LayerShares
    from sqnxt_tf.device.timings import Timing
    from sqnxt_tf.workflows.benchmark import BenchmarkResult

_MEASURED, _SIMULATED, _MARKED = "#0072B2", "#D55E00", "#000000"  # told apart by colour-blind eyes too
_MOST_LAYERS = 40  # the longest; the rest is one bar
_ROW_INCHES = 0.24


def draw_benchmark(result: BenchmarkResult, path: Path, *, force: bool = False) -> None:
    """Draw the layers, if any were compared, and otherwise the files; the suffix of `path` chooses the format.

    Raises:
        SqnxtError: The suffix is unknown, or matplotlib is not installed.
        ExportError: The file exists and `force` is not set, or cannot be written.
    """
    check_picture_file(path, force=force)
    layers = tuple(shares for shares in result.layers if shares.compared)
    figure = _layers(layers) if layers else _files(result.benchmark.timings)
    with whole_file(path, force=force) as temporary:
        figure.savefig(temporary, dpi=130)


def _files(timings: tuple[Timing, ...]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1.8 + 0.5 * len(timings)), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(timings))
    figures = [timing.to_json()["latency_ms"] for timing in timings]
    axes.barh(places, [one["p50"] for one in figures], color=_MEASURED, alpha=0.7, label="p50")
    axes.hlines(places, [one["p50"] for one in figures], [one["p99"] for one in figures], color="black", linewidth=1)
    axes.plot([one["p90"] for one in figures], places, "|", color="black", markersize=12, label="p90")
    axes.plot([one["p99"] for one in figures], places, ".", color="black", label="p99")
    labels = [f"{printable_in_picture(timing.path.name)}, {timing.runtime} x{timing.threads}" for timing in timings]
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.set(xlabel="milliseconds a run", title="Latency")
    figure.legend(loc="outside lower center", ncols=3)  # inside it would cover the longest runs
    return figure


def _layers(all_shares: tuple[LayerShares, ...]) -> Figure:
    from matplotlib.figure import Figure

    shown = [_longest(shares) for shares in all_shares]
    heights = [1.6 + _ROW_INCHES * len(layers) for layers in shown]
    figure = Figure(figsize=(9, sum(heights)), layout="constrained")
    subplots = figure.subplots(len(shown), squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, shares, layers in zip(subplots, all_shares, shown, strict=True):
        _draw_shares(axes, shares, layers)
    return figure


def _longest(shares: LayerShares) -> list[LayerShare]:
    """Return the layers that take longest on either machine, in the order of execution."""
    weight = sorted((max(layer.measured, layer.simulated or 0) for layer in shares.compared), reverse=True)
    least = weight[min(_MOST_LAYERS, len(weight)) - 1]
    return [layer for layer in shares.compared if max(layer.measured, layer.simulated or 0) >= least]


def _draw_shares(axes: Axes, shares: LayerShares, layers: list[LayerShare]) -> None:
    """Draw each layer's measured share as a dot with its quartiles, and its simulated share as a diamond.

    The scale is logarithmic, so that the same distance means the same factor for large and small layers.
    """
    from matplotlib.ticker import LogFormatter

    places = range(len(layers))
    machine = f"{shares.timing.runtime}, {shares.timing.threads} thread{'s' if shares.timing.threads > 1 else ''}"
    measured = [100 * layer.measured for layer in layers]
    if shares.accelerator is not None:
        simulated = [100 * (layer.simulated or 0) for layer in layers]
        colours = [_MARKED if layer.verdict else "#bbbbbb" for layer in layers]
        axes.hlines(places, measured, simulated, color=colours, linewidth=1)
        label = f"simulated: {printable_in_picture(shares.accelerator)}"
        axes.plot(simulated, places, "D", color=_SIMULATED, markersize=5, label=label)
    low, high = ([100 * value for value in values] for values in zip(*((x.low, x.high) for x in layers), strict=True))
    axes.hlines(places, low, high, color=_MEASURED, linewidth=3, alpha=0.35)
    axes.plot(measured, places, "o", color=_MEASURED, markersize=5, label=f"measured: {machine}, with quartiles")
    axes.set_yticks(places, [printable_in_picture(layer.name) for layer in layers], fontsize=7)
    for tick, layer in zip(axes.get_yticklabels(), layers, strict=True):
        tick.set_fontweight("bold" if layer.verdict else "normal")
    axes.set_ylim(len(layers) - 0.4, -0.6)
    left_out = len(shares.compared) - len(layers)
    rest = f"; {left_out} shorter layers are not shown" if left_out else ""
    bold = "; bold where the two disagree" if any(layer.verdict for layer in layers) else ""
    axes.set(xscale="log", xlabel=f"% of the time of all layers{bold}{rest}")
    axes.set_title(printable_in_picture(shares.timing.path.name), pad=24)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(LogFormatter())  # labels 20, 30, ... where there are few powers of ten
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, fontsize=8, frameon=False)  # covers no layer
    axes.grid(axis="x", which="both", alpha=0.2)
