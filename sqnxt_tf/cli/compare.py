"""`sqnxt-tf compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.completion import complete_accelerator
from sqnxt_tf.cli.output import Output


@click.command("compare", short_help="Show what changed in cost from one ONNX graph to another, layer by layer.")
@flags.file_argument("first")
@flags.file_argument("second")
@click.option(
    "--accelerator",
    "accelerators",
    multiple=True,
    default=["squeezelerator-16x16"],
    show_default=True,
    metavar="NAME|FILE.toml",
    shell_complete=complete_accelerator,
    help="A preset or your own TOML file. Given twice, the first graph runs on one and the second on the other.",
)
@flags.dataflow
@flags.sparsity
@flags.batch
@flags.input_size
@flags.dims
@click.option("--all", "every_layer", is_flag=True, help="List the layers that are the same in both graphs too.")
@flags.output_options
def command(
    first: Path, second: Path, accelerators: tuple[str, ...], every_layer: bool, out: Output, **settings: Any
) -> None:
    """Simulate the ONNX graphs FIRST and SECOND and show what changed, and why, layer by layer.

    The same file twice with two accelerators compares the accelerators.
    """
    from sqnxt_tf.workflows.compare import compare
    from sqnxt_tf.workflows.simulate import simulate

    if len(accelerators) > 2:
        raise click.UsageError(f"--accelerator is given {len(accelerators)} times; give it once or twice")
    before, after = (
        simulate(file, accelerator, **settings)
        for file, accelerator in ((first, accelerators[0]), (second, accelerators[-1]))
    )
    comparison = compare(before, after)
    out.document(comparison.to_json())
    if not out.as_json:
        from sqnxt_tf.reports.comparison import comparison_tables

        for table in comparison_tables(comparison, every_layer=every_layer):
            out.table(table)
        for note in comparison.notes:
            out.text(f"note: {note}")
