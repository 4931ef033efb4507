"""`sqnxt-tf classify`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqnxt_tf.cli import flags, interruption, limit_flags
from sqnxt_tf.cli.output import Output
from sqnxt_tf.progress import silent

if TYPE_CHECKING:
    from sqnxt_tf.device.classification import Answer, Classifier


@click.command("classify", short_help="Classify images, folders of images, or a camera's frames.")
@flags.file_argument("file")
@click.argument("images", nargs=-1, type=flags.PATH, metavar="IMAGE...")
@click.option(
    "--camera",
    metavar="N|DEVICE",
    help="Classify the frames of a webcam (0 is the first) until Ctrl-C; needs the extra `camera`.",
)
@click.option("--frames", type=click.IntRange(1), help="Stop after this many frames of the camera.")
@click.option("--top", type=click.IntRange(1, 1000), default=5, show_default=True, help="Number of classes to show.")
@flags.preprocessing
@flags.labels
@flags.threads
@limit_flags.opening_limits
@flags.output_options
def command(
    file: Path,
    images: tuple[Path, ...],
    camera: str | None,
    frames: int | None,
    out: Output,
    **settings: Any,
) -> int:
    """Classify each IMAGE, a file or a folder, with the artifact FILE (.tflite, .onnx), and show the time it takes.

    Labels and preprocessing are those inside the file; what is assumed about it is said. It needs no TensorFlow.
    """
    from sqnxt_tf.device.classification import Classifier
    from sqnxt_tf.reports.classification import answer_lines, summary_line

    if bool(images) == (camera is not None):
        raise click.UsageError("give images or folders, or --camera, and not both")
    if frames and camera is None:
        raise click.UsageError("--frames counts those of --camera: give that too")
    if out.as_json and camera is not None and not frames:
        raise click.UsageError("--json is one document, and a camera has no end: give --frames")
    classifier = Classifier(file, **settings)
    for note in classifier.notes:
        out.note(f"note: {note}")
    answers = []
    for answer in _from_camera(classifier, camera, frames) if camera else _from_files(classifier, images, out):
        answers.append(answer)
        if camera and not frames:
            del answers[:-1]  # there is no end to them
        interruption.check()
        for line in answer_lines(answer):
            out.text(line)
    if answers or not out.exit_code:
        out.document([answer.to_json() for answer in answers])
    if len(answers) > 1:
        out.text(summary_line(answers))
    return out.exit_code


def _from_files(classifier: Classifier, images: tuple[Path, ...], out: Output) -> Iterator[Answer]:
    from sqnxt_tf.device.classification import classify_images

    progress = out.progress if out.as_json else silent  # a person sees the answers come
    yield from classify_images(classifier, images, on_fault=out.fault, progress=progress)
    if out.faults > 1:
        out.note(f"{out.faults:,} images cannot be read or classified, and were left out")


def _from_camera(classifier: Classifier, camera: str, frames: int | None) -> Iterator[Answer]:
    from sqnxt_tf.device.camera import open_camera

    with open_camera(camera) as source:
        for number, frame in enumerate(islice(source, frames), 1):
            yield classifier.classify(frame, f"frame {number}")
