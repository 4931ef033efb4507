"""`sqnxt-tf verify`."""

from __future__ import annotations

from pathlib import Path

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.output import Output


@click.command("verify", short_help="Do two files compute the same?")
@flags.file_argument("a")
@flags.file_argument("b")
@click.option(
    "--data",
    metavar="digits|FOLDER",
    help="Images to compare on; the digits where they fit, and else noise, if not given.",
)
@click.option("--samples", type=click.IntRange(1, 100_000), default=128, show_default=True, help="How many images.")
@click.option("--precision", type=flags.PRECISION, help="Judge by its thresholds; the looser of the two if not given.")
@flags.seed
@flags.threads
@flags.output_options
def command(
    a: Path,
    b: Path,
    data: str | None,
    samples: int,
    precision: str | None,
    seed: int,
    threads: int | None,
    out: Output,
) -> None:
    """Compare B with A, its reference: any two of .keras, .onnx and .tflite.

    Exit code 1 where they differ by more than the looser of their precisions explains. TensorFlow is needed for .keras
    files only.
    """
    from sqnxt_export import ParityError
    from sqnxt_tf.reports.quantising import verification_lines
    from sqnxt_tf.workflows.verify import verify

    result = verify(
        a, b, data=data, samples=samples, precision=precision, seed=seed, threads=threads, progress=out.progress
    )
    out.document(result.to_json())
    for line in verification_lines(result):
        out.text(line)
    if not result.parity.passed:
        raise ParityError(
            b,
            f"does not compute what {a} computes ({result.parity.reason})",
            "export it again from that model",
            result.parity,
        )
