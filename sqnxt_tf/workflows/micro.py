"""Write the project of a microcontroller for a .tflite file, where it fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqnxt_tf.microcontroller.bundled_image import choose_test_image
from sqnxt_tf.microcontroller.limits import check_fit
from sqnxt_tf.microcontroller.micro_model import read_micro_model
from sqnxt_tf.microcontroller.project_folder import MicroProject, write_project
from sqnxt_tf.options.given import options_from
from sqnxt_tf.options.microcontroller import MicroOptions
from sqnxt_tf.output_folder import check_output_folder
from sqnxt_tf.progress import Progress, silent


def micro(
    model: str | Path,
    output: str | Path | None = None,
    options: MicroOptions | None = None,
    *,
    force: bool = False,
    progress: Progress = silent,
    **settings: Any,
) -> MicroProject:
    """Write a project for TensorFlow Lite Micro that classifies images with a .tflite file.

    Args:
        model: The .tflite file.
        output: The folder to write; nothing is written if None, or if the model exceeds a limit.
        options: The limits of the device, and how images are prepared.
        force: Overwrite the files of an earlier project in the folder.
        progress: Called as the work goes on.
        settings: Fields of `MicroOptions`, in place of or on top of `options`.

    Raises:
        SqnxtError: The file is no classifier of images, or the folder cannot be written.
        ExportError: The file is damaged, TensorFlow Lite Micro refuses it, or a runtime is not installed.
    """
    options = options_from(MicroOptions, options, settings)
    folder = None if output is None else Path(output)
    if folder is not None:
        check_output_folder(folder, force=force)
    progress("measuring in TensorFlow Lite Micro", 0, 2)
    found = read_micro_model(Path(model), preprocessing=options.preprocessing, labels=options.labels)
    fit = check_fit(found, options.flash, options.ram)
    if folder is None or not fit.fits:
        return MicroProject(folder=None, files=(), model=found, image=None, fit=fit)
    progress("classifying the test image", 1, 2)
    image = choose_test_image(found, options.image)
    files = write_project(found, image, folder)
    progress("classifying the test image", 2, 2)
    return MicroProject(folder=folder, files=files, model=found, image=image, fit=fit)
