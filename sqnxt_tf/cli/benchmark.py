"""`sqnxt-tf benchmark`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqnxt_tf.cli import flags, limit_flags
from sqnxt_tf.cli.completion import complete_accelerator
from sqnxt_tf.cli.output import Output
from sqnxt_tf.cli.value_types import Dimension, ThreadCounts
from sqnxt_tf.npus import NPUS

if TYPE_CHECKING:
    from sqnxt_tf.workflows.benchmark import BenchmarkResult

_LARGEST_DIM = 1 << 24


@click.command("benchmark", short_help="Measure latency, memory and loading time of artifacts on this machine.")
@click.argument("files", nargs=-1, required=True, type=flags.PATH, metavar="FILE...")
@click.option(
    "--threads",
    type=ThreadCounts(),
    default="1",
    show_default=True,
    help="Time each file with each of these numbers of threads.",
)
@click.option(
    "--seconds", type=click.FloatRange(0.1, 86_400), default=60, show_default=True, help="Longest time to spend."
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0.1, 50),
    default=2,
    show_default=True,
    metavar="PERCENT",
    help="Stop when the 95 % interval of each median is within this many per cent of it.",
)
@click.option("--per-layer", is_flag=True, help="Time each layer with the runtime's own profiler.")
@click.option(
    "--accelerator",
    metavar="NAME|FILE.toml",
    shell_complete=complete_accelerator,
    help="Show the simulated cycles of this accelerator beside the measured times; implies --per-layer.",
)
@click.option(
    "--npu",
    type=click.Choice(NPUS),
    metavar="NPU",
    help=f"Show the estimate of Arm's compiler Vela for each layer of a .tflite file: {', '.join(NPUS)}.",
)
@click.option(
    "--dim",
    "dims",
    type=Dimension(1, _LARGEST_DIM),
    multiple=True,
    help="Size of a side that the files leave free, by its name or as INPUT:AXIS; 1 by default. May be repeated.",
)
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the result to this .svg, .png or .pdf file.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the figures as CSV on stdout and nothing else there.")
@flags.force
@limit_flags.opening_limits_of_children
@flags.output_options
def command(files: tuple[Path, ...], plot: Path | None, as_csv: bool, force: bool, out: Output, **settings: Any) -> int:
    """Time the artifacts FILE... (.onnx in onnxruntime, .tflite in LiteRT) on one sample, or on a file's fixed batch.

    Any inputs will do: their values are seeded noise.

    Each file runs in a process of its own and they take turns, so that ratios hold on a machine that does other things
    too. Timing stops by itself when each median is known. It needs no TensorFlow.
    """
    from sqnxt_tf.options.artifacts import BenchmarkOptions
    from sqnxt_tf.reports.benchmark import dim_notes, noise_lines
    from sqnxt_tf.reports.benchmark_picture import draw_benchmark
    from sqnxt_tf.reports.picture_files import check_picture_file
    from sqnxt_tf.workflows.benchmark import benchmark

    if as_csv and out.as_json:
        raise click.UsageError("--csv and --json both want stdout: leave one out")
    if plot is not None:
        check_picture_file(plot, force=force)
    options = BenchmarkOptions(**{**settings, "tolerance": settings["tolerance"] / 100, "dims": dict(settings["dims"])})
    result = benchmark(files, options, on_fault=out.fault, progress=out.progress)
    if not result.benchmark.timings:
        return out.exit_code
    if as_csv:
        out.csv(result.layer_rows() if result.layers else result.to_json())
    else:
        out.document(result.to_json())
        _show(result, out)
    for line in [*noise_lines(result.benchmark), *dim_notes(result.benchmark)]:
        out.note(line)
    if plot is not None:
        draw_benchmark(result, plot, force=force)
    return out.exit_code


def _show(result: BenchmarkResult, out: Output) -> None:
    if out.as_json:
        return
    from sqnxt_tf.reports.benchmark import (
        benchmark_lines,
        benchmark_table,
        layers_lines,
        layers_table,
        simulated_lines,
    )
    from sqnxt_tf.reports.npu import npu_lines, npu_table
    from sqnxt_tf.reports.two_runtimes import pair_table

    out.table(benchmark_table(result.benchmark))
    for line in (*benchmark_lines(result.benchmark), *simulated_lines(result)):
        out.text(line)
    for npu in result.npus.values():
        out.text()
        out.table(npu_table(npu))
        for line in npu_lines(npu):
            out.text(line)
    for shares in result.layers:
        out.text()
        out.table(layers_table(shares))
        for line in layers_lines(shares):
            out.text(line)
    for pair in result.pairs:
        out.text()
        out.table(pair_table(pair))
