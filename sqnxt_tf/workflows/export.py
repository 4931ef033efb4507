"""Export a model or a network to an artifact, proved on real images."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sqnxt_export.artifact.files import check_output
from sqnxt_tf.data.arrays import spread_arrays, to_arrays
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.image_input import ASSUMED
from sqnxt_tf.options.artifacts import ExportOptions
from sqnxt_tf.options.given import options_from
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import ModelSource, open_source

if TYPE_CHECKING:
    from sqnxt_export import Budget, ExportResult, Metadata, Preprocessing

# (calibration, parity): random weights need just enough images to see a wrong graph, and large networks take a second
# an image in reference kernels
_IMAGES_TRAINED = (512, 128)
_IMAGES_RANDOM = (64, 16)


def export(
    model: str | Path,
    output: str | Path,
    options: ExportOptions | None = None,
    *,
    force: bool = False,
    progress: Progress = silent,
    **settings: Any,
) -> ExportResult:
    """Write a TFLite or ONNX artifact of `model` and prove that it equals the model.

    Integer precisions are calibrated on images of the training part, and parity is judged on images of the test part,
    which calibration never saw; a folder that is not divided gives every second image to each.

    Args:
        model: A `.keras` file, or a network's name for seeded random weights.
        output: The file to write; it is not there where parity fails.
        options: What is exported and how.
        force: Overwrite the output.
        progress: Called as the work goes on.
        settings: Fields of `ExportOptions`, in place of or on top of `options`. The format is that of the output's
            suffix if it is not given.

    Raises:
        ParityError: The artifact does not equal the model; carries the figures.
        SqnxtError, ExportError: What was asked for is not possible, or a file is not usable.
    """
    if options is None:
        settings.setdefault("format", Path(output).suffix.lower().removeprefix("."))
    options = options_from(ExportOptions, options, settings)
    check_output(Path(output), force=force)
    progress(f"reading {model}", 0, 3)
    source = open_source(
        str(model),
        classes=options.classes,
        input_size=options.input_size,
        seed=options.seed,
        preprocessing=options.preprocessing,
        labels=options.labels,
    )
    return export_source(source, output, options, force=force, progress=progress)


def export_source(
    source: ModelSource,
    output: str | Path,
    options: ExportOptions,
    *,
    force: bool = False,
    progress: Progress = silent,
) -> ExportResult:
    """Do what `export` does with a model that is open already, for whoever makes several artifacts of one.

    Raises:
        ParityError, SqnxtError, ExportError: See `export`.
    """
    from sqnxt_export import ExportSamples, export_model

    output = Path(output)
    progress("preparing images", 1, 3)
    calibration_count, parity_count = _IMAGES_TRAINED if source.trained else _IMAGES_RANDOM
    seen = source.preprocessing.raw() if options.embed_preprocessing else source.preprocessing
    compared, calibration = _unlike_images(
        source, options.data, seen, options.samples or parity_count, options.calibration or calibration_count
    )
    budget = _budget(source, options)
    progress(f"exporting {output.name}", 2, 3)
    result = export_model(
        source.model,
        output,
        options,
        ExportSamples(parity=compared.images, calibration=calibration.images, budget=budget),
        metadata=_metadata(source, options),
        trained=source.trained,
        source=source.name,
        force=force,
    )
    progress(f"exporting {output.name}", 3, 3)
    note = source.image_input.note
    return replace(result, notes=(*result.notes, note)) if note else result


def _metadata(source: ModelSource, options: ExportOptions) -> Metadata:
    """Return the model's metadata with the hash of its file and the preprocessing, which may be an assumption."""
    source_hash = sha256(Path(source.name).read_bytes()).hexdigest() if source.trained else ""
    found, extra = source.image_input, dict(source.metadata.extra)
    extra.pop(ASSUMED, None)
    if found.is_assumed:
        extra[ASSUMED] = ["preprocessing"]
    if options.io != "float32":
        extra["io"] = options.io
    return replace(source.metadata, source_hash=source_hash, preprocessing=found.preprocessing, extra=extra)


def _budget(source: ModelSource, options: ExportOptions) -> Budget | None:
    """Return the budget, judged on images that neither calibration nor training knew: all of the validation part.

    Raises:
        SqnxtError: Random weights, whose answers cannot get worse; or data without a validation part.
    """
    data, max_drop = options.data, options.max_drop
    if max_drop is None:
        return None
    from sqnxt_export import Budget

    if not source.trained:
        raise SqnxtError(
            source.name, "has random weights and no accuracy to lose", "use `max_drop` with a trained model"
        )
    if not data.is_divided:
        raise SqnxtError(
            data.name,
            "is not divided, and `max_drop` is judged on images of a part of their own",
            "divide it into train, validation and test",
        )
    judged = to_arrays(data.part("validation"), source.known_input())
    return Budget(images=judged.images, labels=judged.labels, max_drop=max_drop / 100)


def _unlike_images(
    source: ModelSource, data: DataSource, preprocessing: Preprocessing, compared: int, calibrated: int
) -> tuple[Arrays, Arrays]:
    """Return images for parity and images for calibration, none in both.

    Raises:
        SqnxtError: A trained model that knows other classes than the data have.
    """
    judged = data.part()
    labels = source.metadata.labels
    if source.trained and labels and labels != judged.class_names:
        raise SqnxtError(source.name, f"was trained for other classes than those of {data}", "give `data` its own data")
    if data.is_divided:
        seen = data.part("train")
        return (
            spread_arrays(judged, preprocessing, compared),
            spread_arrays(seen, preprocessing, calibrated),
        )
    if len(judged) < 2:
        raise SqnxtError(data.name, "holds one image", "give at least two, one to compare on and one to calibrate with")
    even, odd = np.arange(0, len(judged), 2), np.arange(1, len(judged), 2)
    return (
        spread_arrays(judged, preprocessing, compared, among=even),
        spread_arrays(judged, preprocessing, calibrated, among=odd),
    )
