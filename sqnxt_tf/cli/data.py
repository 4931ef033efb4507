"""`sqnxt-tf data pack` and `sqnxt-tf data check`."""

from __future__ import annotations

from pathlib import Path

import click

from sqnxt_tf.cli import flags, training_flags
from sqnxt_tf.cli.output import Output


@click.group("data", short_help="Check images for training, and pack them into TFRecords.")
def command() -> None:
    """Check images for training, and pack them into TFRecords."""


@command.command("pack", short_help="Pack a folder of images into TFRecords.")
@flags.file_argument("folder")
@flags.output("The folder to write the shards to.")
@click.option(
    "--shards", type=click.IntRange(1, 99_999), help="Number of files per part; about 128 MB each by default."
)
@training_flags.max_unreadable
@flags.seed
@flags.force
@flags.output_options
def pack_command(
    folder: Path, output: Path, shards: int | None, max_unreadable: int, seed: int, force: bool, out: Output
) -> None:
    """Write the images of FOLDER (one sub-folder per class) as TFRecords in ImageNet's usual layout, with checksums.

    The same command again resumes a run that was interrupted or killed. Images that cannot be read are left out and
    named.
    """
    from sqnxt_tf.reports.data import packed_line
    from sqnxt_tf.workflows.data_pack import pack

    result = pack(
        folder, output, shards=shards, max_unreadable=max_unreadable, seed=seed, force=force, progress=out.progress
    )
    out.document(result.to_json())
    out.text(packed_line(result))


@command.command("check", short_help="List the faults of images.")
@flags.file_argument("folder")
@flags.output_options
def check_command(folder: Path, out: Output) -> int:
    """List the faults of the images of FOLDER, a folder of images or of TFRecords; the exit code is 1 if there are any.

    Faults are images that are unreadable, truncated or CMYK, a format that differs from the file's name, the same
    picture under two classes or in two parts, and pictures that look alike in two parts. The summary counts the images
    of the smallest and the largest class.
    """
    from sqnxt_tf.reports.data import balance_line, checked_line, findings_table
    from sqnxt_tf.workflows.data_check import check_data

    result = check_data(folder, progress=out.progress)
    out.document(result.to_json())
    if result.findings:
        out.table(findings_table(result))
    if result.balance:
        out.text(balance_line(result))
    out.text(checked_line(result))
    return 1 if result.findings else 0
