"""`sqnxt-tf compare`."""

from __future__ import annotations

from typing import Any

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.completion import complete_accelerator
from sqnxt_tf.cli.output import Output


@click.command("compare", short_help="Show what changed in cost from one network to another, layer by layer.")
@flags.model_argument("first")
@flags.model_argument("second")
@click.option(
    "--accelerator",
    "accelerators",
    multiple=True,
    default=["squeezelerator-16x16"],
    show_default=True,
    metavar="NAME|FILE.toml",
    shell_complete=complete_accelerator,
    help="A preset or your own TOML file. Given twice, the first model runs on one and the second on the other.",
)
@flags.dataflow
@flags.sparsity
@flags.batch
@flags.input_size
@flags.dims
@flags.classes
@click.option("--all", "every_layer", is_flag=True, help="List the layers that are the same in both graphs too.")
@flags.light_output_options
def command(
    first: str, second: str, accelerators: tuple[str, ...], every_layer: bool, out: Output, **settings: Any
) -> None:
    """Simulate FIRST and SECOND and show what changed, and why, layer by layer.

    Each is an ONNX or TFLite file, or a network's name. The same one twice with two accelerators compares the
    accelerators.
    """
    from sqnxt_tf.workflows.compare import compare
    from sqnxt_tf.workflows.simulate import simulate

    if len(accelerators) > 2:
        raise click.UsageError(f"--accelerator is given {len(accelerators)} times; give it once or twice")
    before, after = (
        simulate(model, accelerator, **settings)
        for model, accelerator in ((first, accelerators[0]), (second, accelerators[-1]))
    )
    comparison = compare(before, after)
    out.document(comparison.to_json())
    if not out.as_json:
        from sqnxt_tf.reports.comparison import comparison_tables

        for table in comparison_tables(comparison, every_layer=every_layer):
            out.table(table)
        for note in comparison.notes:
            out.text(f"note: {note}")
