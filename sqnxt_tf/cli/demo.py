"""`sqnxt-tf demo`."""

from __future__ import annotations

from pathlib import Path

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.output import Output


@click.command("demo", short_help="Run the whole path on handwritten digits.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("sqnxt-demo"), show_default=True, metavar="FOLDER",
    help="The folder to write everything to.",
)  # fmt: skip
@flags.seed
@flags.force
@flags.output_options
def command(output: Path, seed: int, force: bool, out: Output) -> int:
    """Run the whole path on handwritten digits, in a few minutes on a laptop.

    It trains 1.0-SqNxt-23v5, prunes it to 40 %, exports float32, float16 and 16-bit integer artifacts to TFLite and
    ONNX, proves them equal to the model, evaluates and times each, simulates the ONNX graphs on both arrays of the
    paper, and writes an HTML report about them.
    """
    from sqnxt_tf.reports.demo import demo_table, demo_text
    from sqnxt_tf.workflows.demo import demo

    result = demo(output, seed=seed, force=force, progress=out.progress)
    out.document(result.to_json())
    out.table(demo_table(result))
    for line in demo_text(result):
        out.text(line)
    return 1 if result.faults else 0
