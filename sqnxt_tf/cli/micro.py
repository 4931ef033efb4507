"""`sqnxt-tf micro`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sqnxt_tf.cli import flags, limit_flags
from sqnxt_tf.cli.output import Output


@click.command("micro", short_help="Write a TensorFlow Lite Micro project for a .tflite file.")
@flags.file_argument("model")
@flags.output("The folder to write.")
@click.option("--flash", type=flags.BYTES, metavar="BYTES", help="Flash of the device for the model, as in 1M or 512K.")
@click.option("--ram", type=flags.BYTES, metavar="BYTES", help="RAM of the device for the arena, as in 256K.")
@click.option(
    "--image",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The test image; a handwritten digit for a model of digits and a pattern for others by default.",
)
@flags.preprocessing
@flags.labels
@flags.force
@limit_flags.opening_limits
@flags.output_options
def command(model: Path, output: Path, force: bool, out: Output, **settings: Any) -> None:
    """Write C files that classify images with MODEL (.tflite) on a microcontroller, and measure the memory it needs.

    The folder has the model as an aligned array, a resolver with exactly its operators, the size of the arena as
    measured by TensorFlow Lite Micro itself, preprocessing in C, and a program that classifies a test image. Where
    MODEL exceeds --flash or --ram, nothing is written, the exit code is 1, and the message says what would fit.
    """
    from sqnxt_tf.errors import BudgetError
    from sqnxt_tf.options.microcontroller import MicroOptions
    from sqnxt_tf.reports.micro import alternatives_text, project_lines
    from sqnxt_tf.workflows.micro import micro

    project = micro(model, output, MicroOptions(**settings), force=force, progress=out.progress)
    out.document(project.to_json())
    for line in project_lines(project):
        out.text(line)
    for note in project.notes:
        out.note(f"note: {note}")
    if not project.fit.fits:
        raise BudgetError(model, " and ".join(project.fit.exceeded), alternatives_text(project.fit.alternatives))
