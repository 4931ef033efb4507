"""`sqnxt-tf benchmark`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.output import Output

if TYPE_CHECKING:
    from sqnxt_tf.workflows.benchmark import BenchmarkResult


@click.command("benchmark", short_help="Latency, memory and loading time of artifacts on this machine.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--threads", type=flags.ThreadCounts(), default="1", show_default=True, help="Time each file with each of these."
)
@click.option(
    "--seconds", type=click.FloatRange(0.1, 86_400), default=60, show_default=True, help="Most that timing may take."
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0.1, 50),
    default=2,
    show_default=True,
    metavar="PERCENT",
    help="Time until each median is known to ± this.",
)
@click.option("--per-layer", is_flag=True, help="What each layer of an ONNX graph takes, by onnxruntime's profiler.")
@click.option(
    "--accelerator",
    help="Set the layers beside their simulated cycles on this preset or .toml file; implies --per-layer.",
)
@click.option("--plot", type=click.Path(path_type=Path), help="Draw it to this .svg, .png or .pdf file.")
@click.option("--csv", "as_csv", is_flag=True, help="Figures as CSV on stdout, and nothing else there.")
@flags.force
@flags.output_options
def command(
    files: tuple[Path, ...],
    threads: tuple[int, ...],
    seconds: float,
    tolerance: float,
    per_layer: bool,
    accelerator: str | None,
    plot: Path | None,
    as_csv: bool,
    force: bool,
    out: Output,
) -> int:
    """Time the artifacts FILE... (.onnx in onnxruntime, .tflite in LiteRT) on one image, or as many as a file takes.

    Each file runs in a process of its own and they take turns, so that ratios hold on a machine that does other things
    too. It stops by itself when each median is known. Needs no TensorFlow.
    """
    from sqnxt_tf.reports.benchmark import NO_PROFILER, noise_lines
    from sqnxt_tf.reports.benchmark_picture import draw_benchmark
    from sqnxt_tf.reports.picture_files import check_picture_file
    from sqnxt_tf.workflows.benchmark import benchmark

    if as_csv and out.as_json:
        raise click.UsageError("--csv and --json both want stdout: leave one out")
    if plot is not None:
        check_picture_file(plot, force=force)
    result = benchmark(
        files,
        threads=threads,
        seconds=seconds,
        tolerance=tolerance / 100,
        per_layer=per_layer,
        accelerator=accelerator,
        on_fault=out.fault,
        progress=out.progress,
    )
    if not result.benchmark.timings:
        return out.exit_code
    if as_csv:
        out.csv(result.layer_rows() if result.layers else result.to_json())
    else:
        out.document(result.to_json())
        _show(result, out)
    for line in noise_lines(result.benchmark):
        out.note(line)
    if (per_layer or accelerator) and any(timing.format == "tflite" for timing in result.benchmark.timings):
        out.note(f"note: {NO_PROFILER}")
    if plot is not None:
        draw_benchmark(result, plot, force=force)
    return out.exit_code


def _show(result: BenchmarkResult, out: Output) -> None:
    if out.as_json:
        return
    from sqnxt_tf.reports.benchmark import benchmark_lines, benchmark_table, layers_lines, layers_table

    out.table(benchmark_table(result.benchmark))
    for line in benchmark_lines(result.benchmark):
        out.text(line)
    for shares in result.layers:
        out.text()
        out.table(layers_table(shares))
        for line in layers_lines(shares):
            out.text(line)
