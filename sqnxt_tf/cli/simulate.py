"""`sqnxt-tf simulate`."""

from pathlib import Path

import click

from . import options
from .output import Output


@click.command("simulate", short_help="Cycles and energy of an ONNX graph.")
@options.file_argument("file")
@click.option(
    "--accelerator",
    default="squeezelerator-16x16",
    show_default=True,
    help="A preset (squeezelerator-16x16, squeezelerator-8x8) or a .toml file.",
)
@click.option(
    "--dataflow",
    type=click.Choice(["best", "weight-stationary", "output-stationary"]),
    default="best",
    show_default=True,
    help="best: the faster one, layer by layer.",
)
@click.option("--sparsity", type=click.FloatRange(0, 1), help="Assume this fraction of zeros instead of counting.")
@click.option(
    "--precision",
    type=options.PRECISION,
    help="Assume this precision instead of the graph's own.",
)
@click.option("--batch", type=click.IntRange(1, 4096), help="For a graph whose batch is free.")
@options.input_size
@options.output_options
def command(
    file: Path,
    accelerator: str,
    dataflow: str,
    sparsity: float | None,
    precision: str | None,
    batch: int | None,
    input_size: tuple[int, int] | None,
    out: Output,
) -> None:
    """Cycles and energy of the ONNX graph FILE on an accelerator, layer by layer.

    Bit widths are read from the graph and zeros are counted in its weights.
    """
    from ..workflows.simulate import simulate

    report = simulate(
        file,
        accelerator,
        dataflow=dataflow.replace("-", "_"),
        sparsity=sparsity,
        precision=precision,
        batch=batch,
        input_size=input_size,
    )
    out.document(report.to_json())
    if not out.as_json:
        from ..reports.simulation import simulation_table, total_lines

        out.table(simulation_table(report))
        for line in total_lines(report):
            out.text(line)
