"""`sqnxt-tf decompress`."""

from pathlib import Path

import click

from . import options
from .output import Output


@click.command("decompress", short_help="The exact artifact of a container.")
@options.file_argument("file")
@options.output("The artifact to write; FILE without .sqz, beside it, if not given.", required=False)
@options.force
@options.output_options
def command(file: Path, output: Path | None, force: bool, out: Output) -> None:
    """Restore the artifact that FILE (.sqz) was made of, bit for bit, checked by its SHA-256; without TensorFlow."""
    from sqnxt_export import decompress

    from ..reports.compression import restored_line

    result = decompress(file, output, force=force)
    out.document(result.to_json())
    out.text(restored_line(result))
