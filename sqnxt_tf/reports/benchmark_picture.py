"""How long artifacts take, as a picture: one bar a file, or one pair of bars a layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqnxt_export import whole_file
from sqnxt_export.artifact.files import check_output
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.reports.roofline import FORMATS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sqnxt_tf.device.layer_shares import LayerShare, LayerShares
    from sqnxt_tf.device.timings import Timing
    from sqnxt_tf.workflows.benchmark import BenchmarkResult

_MEASURED, _SIMULATED, _MARKED = "#0072B2", "#D55E00", "#000000"  # told apart by colour-blind eyes too
_MOST_LAYERS = 40  # the longest; the rest is one bar
_ROW_INCHES = 0.24


def check_picture(path: Path, *, force: bool) -> None:
    """Refuse, before a minute of timing, a picture that cannot be drawn.

    Raises:
        SqnxtError: An unknown suffix, or no matplotlib.
        ExportError: The file exists and `force` is not set, or its folder cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise SqnxtError(path, "is no name of a picture", f"end it with one of {', '.join(FORMATS)}")
    check_output(path, force=force)
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise SqnxtError(
            "matplotlib", "is not installed and is needed for drawing", "run `pip install 'sqnxt-tf[report]'`"
        ) from None


def draw_benchmark(result: BenchmarkResult, path: Path, *, force: bool = False) -> None:
    """Write the picture to `path`; its suffix says what kind. Of layers where there are any to compare, else of files.

    Raises:
        SqnxtError: See `check_picture`.
        ExportError: Likewise, or the disk is full.
    """
    check_picture(path, force=force)
    layers = tuple(shares for shares in result.layers if shares.compared)
    figure = _layers(layers) if layers else _files(result.benchmark.timings)
    with whole_file(path, force=force) as temporary:
        figure.savefig(temporary, dpi=130)


def _files(timings: tuple[Timing, ...]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1.4 + 0.5 * len(timings)), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(timings))
    figures = [timing.to_json()["latency_ms"] for timing in timings]
    axes.barh(places, [one["p50"] for one in figures], color=_MEASURED, alpha=0.7, label="p50")
    axes.hlines(places, [one["p50"] for one in figures], [one["p99"] for one in figures], color="black", linewidth=1)
    axes.plot([one["p90"] for one in figures], places, "|", color="black", markersize=12, label="p90")
    axes.plot([one["p99"] for one in figures], places, ".", color="black", label="p99")
    labels = [f"{timing.path.name}, {timing.runtime} x{timing.threads}" for timing in timings]
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.set(xlabel="milliseconds a run", title="Latency")
    axes.legend(loc="lower right")
    return figure


def _layers(all_shares: tuple[LayerShares, ...]) -> Figure:
    from matplotlib.figure import Figure

    shown = [_longest(shares) for shares in all_shares]
    heights = [1.2 + _ROW_INCHES * len(layers) for layers in shown]
    figure = Figure(figsize=(9, sum(heights)), layout="constrained")
    subplots = figure.subplots(len(shown), squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, shares, layers in zip(subplots, all_shares, shown, strict=True):
        _draw_shares(axes, shares, layers)
    return figure


def _longest(shares: LayerShares) -> list[LayerShare]:
    """The layers that take longest on either machine, in the order of execution."""
    weight = sorted((max(layer.measured, layer.simulated or 0) for layer in shares.compared), reverse=True)
    least = weight[min(_MOST_LAYERS, len(weight)) - 1]
    return [layer for layer in shares.compared if max(layer.measured, layer.simulated or 0) >= least]


def _draw_shares(axes: Axes, shares: LayerShares, layers: list[LayerShare]) -> None:
    """A dot for what was measured, with its quartiles, and a diamond for what was simulated: on a logarithmic scale
    the same distance is the same factor, in the largest layer and in the smallest.
    """
    places = range(len(layers))
    machine = f"{shares.timing.runtime}, {shares.timing.threads} thread{'s' if shares.timing.threads > 1 else ''}"
    measured = [100 * layer.measured for layer in layers]
    if shares.accelerator is not None:
        simulated = [100 * (layer.simulated or 0) for layer in layers]
        colours = [_MARKED if layer.verdict else "#bbbbbb" for layer in layers]
        axes.hlines(places, measured, simulated, color=colours, linewidth=1)
        axes.plot(simulated, places, "D", color=_SIMULATED, markersize=5, label=f"simulated: {shares.accelerator}")
    low, high = ([100 * value for value in values] for values in zip(*((x.low, x.high) for x in layers), strict=True))
    axes.hlines(places, low, high, color=_MEASURED, linewidth=3, alpha=0.35)
    axes.plot(measured, places, "o", color=_MEASURED, markersize=5, label=f"measured: {machine}, with quartiles")
    axes.set_yticks(places, [layer.name for layer in layers], fontsize=7)
    for tick, layer in zip(axes.get_yticklabels(), layers, strict=True):
        tick.set_fontweight("bold" if layer.verdict else "normal")
    axes.set_ylim(len(layers) - 0.4, -0.6)
    left_out = len(shares.compared) - len(layers)
    rest = f"; {left_out} shorter layers are not shown" if left_out else ""
    bold = "; bold where the two disagree" if any(layer.verdict for layer in layers) else ""
    axes.set(xscale="log", xlabel=f"% of the time of all layers{bold}{rest}", title=shares.timing.path.name)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.legend(loc="lower right")
    axes.grid(axis="x", which="both", alpha=0.2)
