"""`sqnxt-tf verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sqnxt_tf.cli import flags, limit_flags
from sqnxt_tf.cli.output import Output


@click.command("verify", short_help="Check that two files compute the same.")
@flags.file_argument("a")
@flags.file_argument("b")
@click.option(
    "--data",
    metavar="digits|FOLDER",
    help="Images to compare on; by default the digits where they fit, and noise elsewhere.",
)
@click.option(
    "--samples",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Number of images to compare on; 128 by default, and more while top-1 agreement is unsure.",
)
@click.option(
    "--precision",
    type=flags.PRECISION,
    help="Judge by the thresholds of this precision; by the looser of the two files' own by default.",
)
@flags.preprocessing
@flags.labels
@flags.task
@click.option(
    "--layout",
    type=click.Choice(["NCHW", "NHWC"]),
    help="Layout of the image that a file takes which does not say; both are tried by default.",
)
@flags.seed
@flags.threads
@limit_flags.opening_limits
@flags.output_options
def command(a: Path, b: Path, out: Output, **settings: Any) -> None:
    """Compare B with A, its reference: any two of .keras, .onnx and .tflite.

    The exit code is 1 where they differ by more than the looser of their precisions explains. TensorFlow is needed for
    .keras files only.
    """
    from sqnxt_export import ParityError
    from sqnxt_tf.options.artifacts import VerifyOptions
    from sqnxt_tf.reports.quantising import verification_lines
    from sqnxt_tf.workflows.verify import verify

    result = verify(a, b, VerifyOptions(**settings), progress=out.progress)
    out.document(result.to_json())
    for line in verification_lines(result):
        out.text(line)
    for note in result.notes:
        out.note(f"note: {note}")
    if not result.parity.passed:
        raise ParityError(
            b,
            f"does not compute what {a} computes ({result.parity.reason})",
            "export it again from that model",
            result.parity,
        )
