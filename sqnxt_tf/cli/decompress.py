"""`sqnxt-tf decompress`."""

from __future__ import annotations

from pathlib import Path

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.output import Output


@click.command("decompress", short_help="Restore the exact artifact of a container.")
@flags.file_argument("file")
@flags.output("The artifact to write; FILE without .sqz by default.", required=False)
@flags.force
@flags.output_options
def command(file: Path, output: Path | None, force: bool, out: Output) -> None:
    """Restore the artifact that FILE (.sqz) was made of, bit for bit, and check its SHA-256; needs no TensorFlow."""
    from sqnxt_export import decompress
    from sqnxt_tf.reports.compression import restored_line

    result = decompress(file, output, force=force)
    out.document(result.to_json())
    out.text(restored_line(result))
