"""`sqnxt-tf evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sqnxt_tf.cli import flags, limit_flags, training_flags
from sqnxt_tf.cli.output import Output


@click.command("evaluate", short_help="Measure the accuracy of a model or an artifact.")
@flags.file_argument("file")
@flags.recorded_data
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    help="Part of the data; the test part of divided data by default.",
)
@click.option("--confusion", is_flag=True, help="Show how often each class was taken for each other.")
@click.option(
    "--misclassified",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write the misclassified images to this folder.",
)
@training_flags.max_unreadable
@flags.preprocessing
@flags.labels
@flags.threads
@flags.force
@limit_flags.opening_limits
@flags.output_options
def command(
    file: Path,
    data: str | None,
    split: str | None,
    confusion: bool,
    misclassified: Path | None,
    force: bool,
    out: Output,
    **settings: Any,
) -> None:
    """Measure top-1 and top-5 of a model or an artifact (.keras, .tflite, .onnx), with a 95 % interval."""
    from sqnxt_export import read_metadata
    from sqnxt_tf.data.data_source import DataSource
    from sqnxt_tf.device.evaluation import evaluate
    from sqnxt_tf.device.misclassified import check_misclassified_folder, write_misclassified
    from sqnxt_tf.own_data import own_data_or_digits
    from sqnxt_tf.reports.results import accuracy_line, confusion_table

    if misclassified:
        check_misclassified_folder(misclassified, force=force)
    source = own_data_or_digits(file, read_metadata(file), None if data is None else DataSource.parse(data))
    images = source.part(split)  # type: ignore[arg-type]
    result = evaluate(file, images, progress=out.progress, **settings)
    document = result.to_json()
    if confusion:
        document["confusion"] = result.confusion().tolist()
    if misclassified:
        written = write_misclassified(result, images, misclassified)
        document["misclassified"] = [str(path) for path in written]
        out.note(f"{len(written)} misclassified images in {misclassified}")
    out.document(document)
    out.text(f"{file}: {accuracy_line(result)}")
    if confusion:
        out.table(confusion_table(result))
