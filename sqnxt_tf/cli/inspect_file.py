"""`sqnxt-tf inspect`."""

from __future__ import annotations

from pathlib import Path

import click

from sqnxt_tf.cli import flags, limit_flags
from sqnxt_tf.cli.output import Output


@click.command("inspect", short_help="Show what a model or an artifact says of itself.")
@flags.file_argument("file")
@click.option("--layers", is_flag=True, help="Show the zeros of every layer of an artifact too.")
@click.option("--micro", is_flag=True, help="Measure the flash and the arena of a .tflite file on a microcontroller.")
@click.option("--card", is_flag=True, help="Print a model card in Markdown instead.")
@click.option(
    "--time",
    "seconds",
    type=click.FloatRange(0.1, 3600),
    metavar="SECONDS",
    help="Measure latency for the card, for at most this long.",
)
@limit_flags.opening_limits
@flags.output_options
def command(file: Path, layers: bool, micro: bool, card: bool, seconds: float | None, out: Output) -> None:
    """Show what a model or an artifact says of itself, and the zeros in its weights; needs no TensorFlow."""
    from sqnxt_tf.device.inspection import inspect
    from sqnxt_tf.reports.micro import memory_lines
    from sqnxt_tf.reports.model_card import model_card
    from sqnxt_tf.reports.results import inspection_lines, zeros_table
    from sqnxt_tf.workflows.model_card import gather_facts

    found = inspect(file, micro=micro)
    if seconds is not None and not card:
        raise click.UsageError("--time is for --card: leave it out, or use `sqnxt-tf benchmark`")
    if card:
        text = model_card(gather_facts(file, seconds=seconds, inspection=found))
        out.document({**found.to_json(), "card": text})
        out.file(text)
        return
    out.document(found.to_json())
    for line in inspection_lines(found):
        out.text(line)
    for line in memory_lines(found.micro) if found.micro else ():
        out.text(line)
    if layers:
        out.table(zeros_table(found.layers))
