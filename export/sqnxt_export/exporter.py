"""The whole way from a model to a proved artifact: convert, quantise, write, load, compare, and only then rename."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.artifact.files import check_output, format_of, whole_file
from sqnxt_export.artifact.metadata import EMBEDDED, Metadata
from sqnxt_export.artifact.metadata_io import write_metadata
from sqnxt_export.artifact.preprocessing import Preprocessing
from sqnxt_export.artifact.weights import compressed_bytes, nonzero_fraction
from sqnxt_export.artifact_builder import Accuracy, Budget, Built, Task, build, model_logits
from sqnxt_export.errors import ExportError, ParityError, one_line
from sqnxt_export.parity import SMALLEST_LOGIT, Parity, are_probabilities, centred_logarithms, compare_outputs
from sqnxt_export.quantise.noise import LayerNoise
from sqnxt_export.quantise.onnx_quantiser import checked_calibration
from sqnxt_export.quantise.precision import CALIBRATED, check_calibration_method, check_precision, notes_on
from sqnxt_export.runtimes import open_model

_RECORDED = ("tensorflow", "tf_keras", "onnx", "onnxruntime", "ai-edge-litert")
_REMEDIES = {
    "float32": "export to the other format, and report this with the model",
    "float16": "choose float32",
    "int16": "calibrate with more images of the training split, or choose float16",
    "int16x8": "calibrate with more images of the training split, or choose float16",
    "int8": "calibrate with more images of the training split, or choose int16 (in TFLite int16x8)",
}
"""What may help where parity fails, by precision; nothing is wider than float32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """What was written and how it compares; `notes` are sentences that the user should read.

    `layers`, worst first, where a report was asked for; `wider` (the layers of an int8 graph that kept 16 bits) and
    `accuracy` where a budget was given; None elsewhere.
    """

    format: str
    precision: str
    path: str
    bytes: int
    compressed_bytes: int
    nonzero_fraction: float
    parity: Parity
    source: str
    notes: tuple[str, ...] = ()
    layers: tuple[LayerNoise, ...] | None = None
    wider: tuple[str, ...] | None = None
    accuracy: Accuracy | None = None

    def to_json(self) -> dict[str, Any]:
        """The `export_model` contract: every field but those that nobody asked for."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values |= {"parity": self.parity.to_json(), "notes": list(self.notes)}
        values["layers"] = None if self.layers is None else [layer.to_json() for layer in self.layers]
        values["wider"] = None if self.wider is None else list(self.wider)
        values["accuracy"] = None if self.accuracy is None else dataclasses.asdict(self.accuracy)
        return {name: value for name, value in values.items() if value is not None}


def export_model(
    model: Any,
    path: str | os.PathLike[str],
    *,
    format: str,
    precision: str,
    samples: NDArray[np.float32],
    calibration: NDArray[np.float32] | None = None,
    metadata: Metadata | None = None,
    trained: bool = False,
    force: bool = False,
    batch: int | None = 1,
    source: str = "",
    calibration_method: str = "minmax",
    report: bool = False,
    budget: Budget | None = None,
    embed_preprocessing: bool = False,
) -> ExportResult:
    """Write the artifact of a tf_keras model, proved equal to it.

    The file with its metadata is loaded in its own runtime and run on `samples` under a temporary name; it takes the
    asked name only when its logits agree with the model's.

    Args:
        model: A functional or Sequential tf_keras model: one image of fixed size in, logits out.
        path: The artifact; its suffix must fit `format`.
        format: "onnx" or "tflite".
        precision: "float32", "float16", "int8", "int16" (ONNX only) or "int16x8" (TFLite only).
        samples: Float32 NHWC [n, h, w, c], preprocessed, on which parity is judged.
        calibration: The like, for integer precisions. It must not overlap `samples`: ranges that were fitted to the
            samples that judge them prove nothing. That is the caller's to see to. Take 256 or more.
        metadata: What to embed; precision, input size, non-zero fraction and versions are filled in here.
        trained: Judge the top-1 answers too; leave it off for random weights.
        force: Overwrite `path`.
        batch: Images at once, fixed in the file; None leaves it free, in ONNX only.
        source: Where the model came from, for the result; a file name or a network's.
        calibration_method: How 8-bit ranges are chosen, in ONNX: "minmax", "percentile" or "entropy".
        report: Measure what the precision costs each layer, on up to 64 of `samples`.
        budget: Let the noisiest layers of an int8 ONNX graph keep 16 bits until it holds.
        embed_preprocessing: Let the artifact take uint8 images and do the arithmetic of `metadata`'s preprocessing
            itself; `samples` and `calibration` are then pixels on 0-255, and the metadata say that no arithmetic is
            left to do.

    Raises:
        ExportError: Bad input, a missing library, or a file that cannot be written.
        ParityError: The artifact differs from the model by too much, or loses more than `budget` allows; nothing is
            left at `path` that was not there.
    """
    path = Path(path)
    check_precision(format, precision)
    check_calibration_method(format, precision, calibration_method)
    check_budget(format, precision, given=budget is not None)
    _check_call(path, format, batch)
    check_output(path, force=force)
    embedded = _arithmetic(metadata) if embed_preprocessing else None
    shown = samples
    if embedded is not None:
        samples = embedded.normalise(samples)
        calibration = None if calibration is None else embedded.normalise(calibration)
        metadata = _left_to_do(metadata or Metadata(), embedded)
    samples_to_calibrate = checked_calibration(precision, calibration)
    _check_images(model, samples, samples_to_calibrate if precision in CALIBRATED else None)
    task = Task(
        model=model,
        precision=precision,
        samples=samples,
        reference=_reference(model, samples),
        calibration=samples_to_calibrate,
        method=calibration_method,
        batch=batch,
        trained=trained,
        report=report,
        budget=budget,
        embedded=embedded,
    )
    return _written(task, shown, path, metadata or Metadata(), source=source, force=force)


def _written(
    task: Task, shown: NDArray[np.float32], path: Path, metadata: Metadata, *, source: str, force: bool
) -> ExportResult:
    """Build the file under a temporary name, compare its answers to `shown`, and let it take its own name."""
    precision, format = task.precision, format_of(path)
    with whole_file(path, force=force) as temporary:
        built = build(task, temporary)
        with _as_of(path, temporary, precision):
            nonzero = nonzero_fraction(temporary)
            write_metadata(temporary, _completed(metadata, task.model, precision, nonzero, built))
            logits = open_model(temporary).run(shown)
        parity = compare_outputs(task.reference, logits, precision, trained=task.trained)
        _check_answer(path, precision, parity, built)
        sizes = temporary.stat().st_size, compressed_bytes(temporary)
    return ExportResult(
        format=format,
        precision=precision,
        path=str(path),
        bytes=sizes[0],
        compressed_bytes=sizes[1],
        nonzero_fraction=nonzero,
        parity=parity,
        source=source,
        notes=(*notes_on(format, precision, mixed=bool(built.wider)), *_notes_on_answers(task.reference)),
        layers=built.layers,
        wider=built.wider,
        accuracy=built.accuracy,
    )


def check_budget(format: str, precision: str, *, given: bool) -> None:
    """Refuse an accuracy budget where no layer can be kept wider.

    Raises:
        ExportError: A budget was given for anything but int8 in ONNX.
    """
    if given and (format, precision) != ("onnx", "int8"):
        raise ExportError(
            "budget",
            f"{format} {precision} has no layers to keep wider",
            "use --format onnx with --precision int8, or leave the budget out",
        )


def _check_answer(path: Path, precision: str, parity: Parity, built: Built) -> None:
    """Parity, and the budget where there is one."""
    if not parity.passed:
        raise ParityError(
            path,
            f"not written, it does not compute what the model computes ({parity.reason})",
            str(_REMEDIES[precision]),
            parity,
        )
    if built.accuracy is not None and not built.accuracy.kept:
        found = built.accuracy
        raise ParityError(
            path,
            f"not written, top-1 falls from {found.model_top1:.2%} to {found.artifact_top1:.2%} with every "
            f"layer at 16 bits, and {found.max_drop:.2%} may be lost",
            "allow more or choose float16",
            parity,
        )


def _check_call(path: Path, format: str, batch: int | None) -> None:
    """What can be said before the model is looked at."""
    if path.suffix.lower() != f".{format}":
        raise ExportError(path, f"the name of {format} files ends in .{format}", "choose such a name")
    if batch is not None and batch < 1:
        raise ExportError(f"batch {batch}", "must be at least 1", "leave it out for one image at a time")
    if batch is None and format == "tflite":
        raise ExportError("batch free", "TFLite files have a fixed batch", "leave it out for one image at a time")


@contextlib.contextmanager
def _as_of(path: Path, temporary: Path, precision: str) -> Iterator[None]:
    """Let what is wrong with the new file be told of the file that was asked for."""
    try:
        yield
    except ExportError as error:
        reason = one_line(error).removeprefix(f"{temporary}: ")
        raise ExportError(path, f"not written, no runtime can use it ({reason})", str(_REMEDIES[precision])) from error


def _arithmetic(metadata: Metadata | None) -> Preprocessing:
    """The preprocessing that goes into the graph."""
    if metadata is None or metadata.preprocessing is None:
        raise ExportError(
            "embed_preprocessing", "the metadata say nothing of preprocessing", "give them, or leave it out"
        )
    return metadata.preprocessing


def _left_to_do(metadata: Metadata, embedded: Preprocessing) -> Metadata:
    """Metadata of an artifact that subtracts and divides itself: what it does is kept beside them."""
    done = {"mean": list(embedded.mean), "scale": list(embedded.scale)}
    return dataclasses.replace(metadata, preprocessing=embedded.raw(), extra={**metadata.extra, EMBEDDED: done})


def _check_images(model: Any, samples: NDArray[np.float32], calibration: NDArray[np.float32] | None) -> None:
    """What can be said before the model is run: it takes one image, and the images are such."""
    from sqnxt_export.convert.to_onnx import image_shape

    shape = list(image_shape(model))
    for name, images in (("samples", samples), ("calibration samples", calibration)):
        if images is None:
            continue
        if images.ndim != 4 or not len(images):
            raise ExportError(
                name, f"got an array of shape {list(images.shape)}", "give images as [n, h, w, c], n >= 1"
            )
        if list(images.shape[1:]) != shape:
            raise ExportError(
                name, f"are {list(images.shape[1:])} each, the model takes {shape}", "preprocess them for this model"
            )
    if not np.isfinite(samples).all():
        raise ExportError("samples", "are not all finite", "check the preprocessing")


def _reference(model: Any, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The model's logits, float32 [n, classes]."""
    reference = model_logits(model, samples)
    if not np.isfinite(reference).all():  # no artifact can equal it, and quantising it gives numpy's warnings
        raise ExportError(
            f"model {model.name!r}",
            "the model itself gives values that are not finite",
            "train it again with a lower rate",
        )
    return reference


def _notes_on_answers(reference: NDArray[np.float32]) -> tuple[str, ...]:
    """A warning where parity cannot tell a good artifact from a bad one."""
    if not are_probabilities(reference) or np.abs(centred_logarithms(reference)).max() >= SMALLEST_LOGIT:
        return ()
    return (
        "the model gives every class nearly the same probability, as random weights do whose batch norm has seen no "
        "data: parity says little about it",
    )


def _completed(metadata: Metadata, model: Any, precision: str, nonzero: float, built: Built) -> Metadata:
    """The caller's metadata with what only the export knows."""
    versions = dict(metadata.versions)
    for package in _RECORDED:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    height, width = model.inputs[0].shape[1:3]
    extra = {"wider_layers": list(built.wider)} if built.wider else {}
    return dataclasses.replace(
        metadata,
        precision=precision,
        input_size=(int(height), int(width)),
        nonzero_fraction=nonzero,
        versions=versions,
        network=metadata.network or model.name,
        extra={**metadata.extra, **extra},
    )
