"""`sqnxt-tf inspect`."""

from __future__ import annotations

from pathlib import Path

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.output import Output


@click.command("inspect", short_help="Show what a model or an artifact says of itself.")
@flags.file_argument("file")
@click.option("--layers", is_flag=True, help="Show the zeros of every layer of an artifact too.")
@click.option("--micro", is_flag=True, help="Measure the flash and the arena of a .tflite file on a microcontroller.")
@flags.output_options
def command(file: Path, layers: bool, micro: bool, out: Output) -> None:
    """Show what a model or an artifact says of itself, and the zeros in its weights; needs no TensorFlow."""
    from sqnxt_tf.device.inspection import inspect
    from sqnxt_tf.reports.micro import memory_lines
    from sqnxt_tf.reports.results import inspection_lines, zeros_table

    found = inspect(file, micro=micro)
    out.document(found.to_json())
    for line in inspection_lines(found):
        out.text(line)
    for line in memory_lines(found.micro) if found.micro else ():
        out.text(line)
    if layers:
        out.table(zeros_table(found.layers))
