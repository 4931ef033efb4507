"""`sqnxt-tf decompress`."""

from __future__ import annotations

from pathlib import Path

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.output import Output


@click.command("decompress", short_help="The exact artifact of a container.")
@flags.file_argument("file")
@flags.output("The artifact to write; FILE without .sqz, beside it, if not given.", required=False)
@flags.force
@flags.output_options
def command(file: Path, output: Path | None, force: bool, out: Output) -> None:
    """Restore the artifact that FILE (.sqz) was made of, bit for bit, checked by its SHA-256; without TensorFlow."""
    from sqnxt_export import decompress
    from sqnxt_tf.reports.compression import restored_line

    result = decompress(file, output, force=force)
    out.document(result.to_json())
    out.text(restored_line(result))
