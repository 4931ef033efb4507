"""Export a model or a network to an artifact, proved on real images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sqnxt_tf.data.arrays import spread_arrays, to_arrays
from sqnxt_tf.data.data_source import DataSource, load_data
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import ModelSource, open_source

if TYPE_CHECKING:
    from sqnxt_export import Budget, ExportResult, Preprocessing

# (calibration, parity): random weights need just enough images to see a wrong graph, and large networks take a second
# an image in reference kernels
_IMAGES_TRAINED = (512, 128)
_IMAGES_RANDOM = (64, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantising:
    """How integers are chosen, and what is said and promised of them.

    `calibration` is how many images of the training part are looked at (512 for a trained model and 64 for random
    weights where None), `method` how ONNX int8 ranges are chosen, `max_drop` how many points of top-1 an ONNX int8
    graph may lose on the validation part before its worst layers keep 16 bits.
    """

    calibration: int | None = None
    method: str = "minmax"
    max_drop: float | None = None
    report: bool = False

    def check(self, format: str, precision: str) -> None:
        """Refuse what has no effect or no sense for a format and precision.

        Raises:
            SqnxtError, ExportError: With the reason.
        """
        from sqnxt_export import CALIBRATED, check_budget
        from sqnxt_export.quantise.precision import check_calibration_method

        check_calibration_method(format, precision, self.method)
        check_budget(format, precision, given=self.max_drop is not None)
        if self.calibration is not None and precision not in CALIBRATED:
            raise SqnxtError(
                f"calibration {self.calibration}", f"{precision} is not calibrated", "leave the number out"
            )
        if self.calibration is not None and self.calibration < 1:
            raise SqnxtError(f"calibration {self.calibration}", "is out of range", "calibrate with at least one image")
        if self.max_drop is not None and not 0 <= self.max_drop <= 100:
            raise SqnxtError(f"max_drop {self.max_drop:g}", "is out of range", "give 0 to 100 points of top-1")


def export(
    model: str | Path,
    output: str | Path,
    *,
    format: str,
    precision: str = "float32",
    data: str = "digits",
    samples: int | None = None,
    quantising: Quantising | None = None,
    classes: int | None = None,
    input_size: int | tuple[int, int] | None = None,
    batch: int | None = 1,
    seed: int | None = None,
    force: bool = False,
    embed_preprocessing: bool = False,
    progress: Progress = silent,
) -> ExportResult:
    """Write a TFLite or ONNX artifact of `model` and prove that it equals the model.

    Integer precisions are calibrated on images of the training part, and parity is judged on images of the test part,
    which calibration never saw; a folder that is not divided gives every second image to each.

    Args:
        model: A `.keras` file, or a network's name for seeded random weights.
        output: The file to write; it is not there where parity fails.
        format: `tflite` or `onnx`.
        precision: `float32`, `float16`, `int8`, `int16` (ONNX only) or `int16x8` (TFLite only).
        data: `digits`, or a folder of images: what the model is calibrated and compared on.
        samples: How many images are compared; 128 for a trained model and 16 for random weights where not given.
        quantising: How it is calibrated, what may be lost, and whether each layer's noise is reported.
        classes: Units of the classifier, of a network given by name.
        input_size: Side in pixels or (height, width), likewise.
        seed: Of the random weights, likewise.
        batch: The artifact's fixed batch; None leaves it free, in ONNX only.
        force: Overwrite the output.
        embed_preprocessing: Let the artifact take uint8 images of its size and do the arithmetic itself.
        progress: Told how far it is.

    Raises:
        ParityError: The artifact does not equal the model; carries the figures.
        SqnxtError, ExportError: What was asked for is not possible, or a file is not usable.
    """
    quantising = quantising or Quantising()
    check_request(output, format, precision, samples, force=force)
    quantising.check(format, precision)
    if batch is None and format == "tflite":
        raise SqnxtError("batch free", "TFLite files have a fixed batch", "give a number, or use --format onnx")
    progress(f"reading {model}", 0, 3)
    source = open_source(str(model), classes=classes, input_size=input_size, seed=seed)
    return export_source(
        source,
        output,
        format=format,
        precision=precision,
        data=data,
        samples=samples,
        quantising=quantising,
        batch=batch,
        force=force,
        embed_preprocessing=embed_preprocessing,
        progress=progress,
    )


def check_request(output: str | Path, format: str, precision: str, samples: int | None, *, force: bool) -> None:
    """Say what cannot be before a model is opened or built, which takes seconds.

    Raises:
        SqnxtError, ExportError: See `export`.
    """
    from sqnxt_export import check_precision
    from sqnxt_export.artifact.files import check_output

    check_precision(format, precision)
    check_output(Path(output), force=force)
    if samples is not None and samples < 1:
        raise SqnxtError(f"samples {samples}", "is out of range", "compare at least one image")


def export_source(
    source: ModelSource,
    output: str | Path,
    *,
    format: str,
    precision: str,
    data: str = "digits",
    samples: int | None = None,
    quantising: Quantising | None = None,
    batch: int | None = 1,
    force: bool = False,
    embed_preprocessing: bool = False,
    progress: Progress = silent,
) -> ExportResult:
    """`export` of a model that is open already: for whoever makes several artifacts of one.

    Raises:
        ParityError, SqnxtError, ExportError: See `export`.
    """
    from sqnxt_export import ArtifactOptions, ExportSamples, export_model

    output, quantising = Path(output), quantising or Quantising()
    progress("preparing images", 1, 3)
    calibration_count, parity_count = _IMAGES_TRAINED if source.trained else _IMAGES_RANDOM
    seen = source.preprocessing.raw() if embed_preprocessing else source.preprocessing
    compared, calibration = _unlike_images(
        source, data, seen, samples or parity_count, quantising.calibration or calibration_count
    )
    budget = _budget(source, data, quantising.max_drop)
    progress(f"exporting {output.name}", 2, 3)
    source_hash = sha256(Path(source.name).read_bytes()).hexdigest() if source.trained else ""
    metadata = replace(source.metadata, source_hash=source_hash)
    if embed_preprocessing:  # a file that says nothing was shown images by the default, which goes into the graph
        metadata = replace(metadata, preprocessing=source.preprocessing)
    options = ArtifactOptions(
        format=format,
        precision=precision,
        batch=batch,
        calibration_method=quantising.method,
        layer_noise=quantising.report,
        embed_preprocessing=embed_preprocessing,
    )
    result = export_model(
        source.model,
        output,
        options,
        ExportSamples(parity=compared.images, calibration=calibration.images, budget=budget),
        metadata=metadata,
        trained=source.trained,
        source=source.name,
        force=force,
    )
    progress(f"exporting {output.name}", 3, 3)
    return result


def _budget(source: ModelSource, data: str, max_drop: float | None) -> Budget | None:
    """The budget on images that neither calibration nor training knew: all of the validation part.

    Raises:
        SqnxtError: Random weights, whose answers cannot get worse; or data without a validation part.
    """
    if max_drop is None:
        return None
    from sqnxt_export import Budget

    if not source.trained:
        raise SqnxtError(source.name, "has random weights and no accuracy to lose", "give --max-drop a trained model")
    if not DataSource.parse(data).is_divided:
        raise SqnxtError(
            data,
            "is not divided, and --max-drop is judged on images of a part of their own",
            "divide it into train, validation and test",
        )
    judged = to_arrays(load_data(data, "validation"), source.preprocessing)
    return Budget(images=judged.images, labels=judged.labels, max_drop=max_drop / 100)


def _unlike_images(
    source: ModelSource, data: str, preprocessing: Preprocessing, compared: int, calibrated: int
) -> tuple[Arrays, Arrays]:
    """Images for parity and images for calibration, none in both.

    Raises:
        SqnxtError: A trained model that knows other classes than the data have.
    """
    judged = load_data(data)
    labels = source.metadata.labels
    if source.trained and labels and labels != judged.class_names:
        raise SqnxtError(source.name, f"was trained for other classes than those of {data}", "give --data its own data")
    if DataSource.parse(data).is_divided:
        seen = load_data(data, "train")
        return (
            spread_arrays(judged, preprocessing, compared),
            spread_arrays(seen, preprocessing, calibrated),
        )
    if len(judged) < 2:
        raise SqnxtError(data, "holds one image", "give two at least, one to compare on and one to calibrate with")
    even, odd = np.arange(0, len(judged), 2), np.arange(1, len(judged), 2)
    return (
        spread_arrays(judged, preprocessing, compared, among=even),
        spread_arrays(judged, preprocessing, calibrated, among=odd),
    )
