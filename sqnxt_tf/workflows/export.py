"""Export a model or a network to an artifact, proved on real images."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sqnxt_export.artifact.files import check_output
from sqnxt_export.runtimes.signatures import signature_of
from sqnxt_export.runtimes.tensors import seeded_noise
from sqnxt_tf.data.arrays import spread_arrays, to_arrays
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.image_input import ASSUMED
from sqnxt_tf.options.artifacts import ExportOptions
from sqnxt_tf.options.given import options_from
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import ModelSource, open_any

if TYPE_CHECKING:
    from sqnxt_export import Budget, ExportResult, ExportSamples, Metadata, Preprocessing

# (calibration, parity): random weights need just enough images to see a wrong graph, and large networks take a second
# an image in reference kernels
_NOISE_NOTE = (
    "the model takes no single grey or RGB image, so parity was judged, and integer precisions were calibrated, on "
    "seeded noise: give real samples to `sqnxt_export.export_model` in Python before you trust 8 bits"
)
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
        model: A `.keras` or `.h5` file, a SavedModel folder, or a network's name for seeded random weights.
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
    source = open_any(
        str(model),
        signature=options.signature,
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
    from sqnxt_export import export_model

    output = Path(output)
    progress("preparing samples", 1, 3)
    samples = _images(source, options) if source.takes_image else _noise(source, options)
    progress(f"exporting {output.name}", 2, 3)
    model, pairs = _equalised(source) if options.equalise else (source.model, None)
    result = export_model(
        model,
        output,
        options,
        samples,
        metadata=_metadata(source, options),
        trained=source.trained,
        source=source.name,
        force=force,
    )
    progress(f"exporting {output.name}", 3, 3)
    note = source.image_input.note if source.takes_image else _NOISE_NOTE
    equalising = None if pairs is None else f"cross-layer equalisation: {pairs} pairs of layers were rescaled"
    added = tuple(line for line in (equalising, note) if line)
    return replace(result, notes=(*result.notes, *added)) if added else result


def _equalised(source: ModelSource) -> tuple[Any, int]:
    """Return the model with equalised weights, and the number of pairs of layers.

    Raises:
        SqnxtError: The model is not functional, or has learnt ranges that equalised activations would not fit.
    """
    from sqnxt_export import LearntRanges
    from sqnxt_tf.training.equalising import equalised

    if LearntRanges.of(source.metadata) is not None:
        raise SqnxtError(source.name, "was trained with rounding and needs no equalising", "leave `equalise` out")
    if not getattr(source.model, "_is_graph_network", False):
        raise SqnxtError(source.name, "is no functional model, whose layers are known", "leave `equalise` out")
    return equalised(source.model)


def _images(source: ModelSource, options: ExportOptions) -> ExportSamples:
    """Return images of the data for parity, calibration and the budget."""
    from sqnxt_export import ExportSamples

    calibrated, compared = _IMAGES_TRAINED if source.trained else _IMAGES_RANDOM
    seen = source.preprocessing.raw() if options.embed_preprocessing else source.preprocessing
    judged, calibration = _unlike_images(
        source, options.data, seen, options.samples or compared, options.calibration or calibrated
    )
    return ExportSamples(parity=judged.images, calibration=calibration.images, budget=_budget(source, options))


def _noise(source: ModelSource, options: ExportOptions) -> ExportSamples:
    """Return seeded noise for a model that takes something else than one grey or RGB image.

    Raises:
        SqnxtError: An option asks for images.
    """
    from sqnxt_export import ExportSamples

    for name, asked in (
        ("embed_preprocessing", options.embed_preprocessing),
        ("max_drop", options.max_drop is not None),
        ("preprocessing", source.given_preprocessing is not None),
    ):
        if asked:
            raise SqnxtError(source.name, f"does not take one image, which `{name}` is about", f"leave `{name}` out")
    inputs = signature_of(source.model).inputs
    calibrated, compared = _IMAGES_TRAINED if source.trained else _IMAGES_RANDOM
    return ExportSamples(
        parity=seeded_noise(inputs, options.samples or compared, seed=1),
        calibration=seeded_noise(inputs, options.calibration or calibrated, seed=2),
    )


def _metadata(source: ModelSource, options: ExportOptions) -> Metadata:
    """Return the model's metadata with the hash of its file and the preprocessing, which may be an assumption."""
    source_hash = _hash(Path(source.name)) if source.trained else ""
    extra = dict(source.metadata.extra)
    extra.pop(ASSUMED, None)
    if options.io != "float32":
        extra["io"] = options.io
    if not source.takes_image:
        return replace(source.metadata, source_hash=source_hash, extra=extra)
    found = source.image_input
    if found.is_assumed:
        extra[ASSUMED] = ["preprocessing"]
    return replace(source.metadata, source_hash=source_hash, preprocessing=found.preprocessing, extra=extra)


def _hash(path: Path) -> str:
    """Return the hash of a file, or of the files in a folder in the order of their names."""
    files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
    digest = sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


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
