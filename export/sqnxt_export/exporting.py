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

from ._runtime import quiet_stderr
from .artifact.embedding import write_metadata
from .artifact.files import check_output, format_of, whole_file
from .artifact.metadata import EMBEDDED, Metadata
from .artifact.onnx_file import save_onnx
from .artifact.preprocessing import Preprocessing
from .artifact.weights import compressed_bytes, nonzero_fraction
from .batching import batches
from .convert.embedding import embed_preprocessing as embed
from .errors import ExportError, ParityError, one_line
from .parity import SMALLEST_LOGIT, Parity, are_probabilities, centred_logarithms, compare
from .quantise.precision import CALIBRATED, check_precision, notes_on
from .quantise.recipes import checked_calibration
from .runtimes import open_model

_RECORDED = ("tensorflow", "tf_keras", "onnx", "onnxruntime", "ai-edge-litert")
_BATCH = 32
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
    """What was written and how it compares; `notes` are sentences that the user should read."""

    format: str
    precision: str
    path: str
    bytes: int
    compressed_bytes: int
    nonzero_fraction: float
    parity: Parity
    source: str
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The `export` contract: every field, `notes` included."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**values, "parity": self.parity.to_json(), "notes": list(self.notes)}


def export(
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
        samples: float32 NHWC [n, h, w, c], preprocessed, on which parity is judged.
        calibration: The like, for integer precisions. It must not overlap `samples`: ranges that were fitted to the
            samples that judge them prove nothing. That is the caller's to see to. Take 256 or more.
        metadata: What to embed; precision, input size, non-zero fraction and versions are filled in here.
        trained: Judge the top-1 answers too; leave it off for random weights.
        force: Overwrite `path`.
        batch: Images at once, fixed in the file; None leaves it free, in ONNX only.
        source: Where the model came from, for the result; a file name or a network's.
        embed_preprocessing: Let the artifact take uint8 images and do the arithmetic of `metadata`'s preprocessing
            itself; `samples` and `calibration` are then pixels on 0-255, and the metadata say that no arithmetic is
            left to do.

    Raises:
        ExportError: Bad input, a missing library, or a file that cannot be written.
        ParityError: The artifact differs from the model by too much; nothing is left at `path` that was not there.
    """
    path = Path(path)
    check_precision(format, precision)
    _check_call(path, format, batch)
    check_output(path, force=force)
    arithmetic = _arithmetic(metadata) if embed_preprocessing else None
    shown = samples
    if arithmetic is not None:
        samples = arithmetic.normalise(samples)
        calibration = None if calibration is None else arithmetic.normalise(calibration)
    samples_to_calibrate = checked_calibration(precision, calibration)
    _check_images(model, samples, samples_to_calibrate if precision in CALIBRATED else None)
    reference = _reference(model, samples)
    with whole_file(path, force=force) as temporary:
        _convert(model, temporary, precision, samples_to_calibrate, batch)
        if arithmetic is not None:
            embed(temporary, arithmetic)
            metadata = _left_to_do(metadata or Metadata(), arithmetic)
        with _as_of(path, temporary, precision):
            nonzero = nonzero_fraction(temporary)
            write_metadata(temporary, _completed(metadata or Metadata(), model, precision, nonzero))
            logits = open_model(temporary).run(shown)
        parity = compare(reference, logits, precision, trained=trained)
        if not parity.passed:
            raise ParityError(
                f"{path}: not written, it does not compute what the model computes ({parity.reason}); "
                f"{_REMEDIES[precision]}",
                parity,
            )
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
        notes=(*notes_on(format, precision), *_notes_on_answers(reference)),
    )


def _check_call(path: Path, format: str, batch: int | None) -> None:
    """What can be said before the model is looked at."""
    if path.suffix.lower() != f".{format}":
        raise ExportError(f"{path}: the name of {format} files ends in .{format}; choose such a name")
    if batch is not None and batch < 1:
        raise ExportError(f"batch {batch}: must be at least 1; leave it out for one image at a time")
    if batch is None and format == "tflite":
        raise ExportError("batch free: TFLite files have a fixed batch; leave it out for one image at a time")


@contextlib.contextmanager
def _as_of(path: Path, temporary: Path, precision: str) -> Iterator[None]:
    """Let what is wrong with the new file be told of the file that was asked for."""
    try:
        yield
    except ExportError as error:
        reason = one_line(error).removeprefix(f"{temporary}: ")
        raise ExportError(f"{path}: not written, no runtime can use it ({reason}); {_REMEDIES[precision]}") from error


def _arithmetic(metadata: Metadata | None) -> Preprocessing:
    """The preprocessing that goes into the graph."""
    if metadata is None or metadata.preprocessing is None:
        raise ExportError("embed_preprocessing: the metadata say nothing of preprocessing; give them, or leave it out")
    return metadata.preprocessing


def _left_to_do(metadata: Metadata, embedded: Preprocessing) -> Metadata:
    """Metadata of an artifact that subtracts and divides itself: what it does is kept beside them."""
    done = {"mean": list(embedded.mean), "scale": list(embedded.scale)}
    return dataclasses.replace(metadata, preprocessing=embedded.raw(), extra={**metadata.extra, EMBEDDED: done})


def _check_images(model: Any, samples: NDArray[np.float32], calibration: NDArray[np.float32] | None) -> None:
    """What can be said before the model is run: it takes one image, and the images are such."""
    from .convert.to_onnx import image_shape

    shape = list(image_shape(model))
    for name, images in (("samples", samples), ("calibration samples", calibration)):
        if images is None:
            continue
        if images.ndim != 4 or not len(images):
            raise ExportError(
                f"{name}: got an array of shape {list(images.shape)}; give images as [n, h, w, c], n >= 1"
            )
        if list(images.shape[1:]) != shape:
            raise ExportError(
                f"{name}: are {list(images.shape[1:])} each, the model takes {shape}; preprocess them for this model"
            )
    if not np.isfinite(samples).all():
        raise ExportError("samples: are not all finite; check the preprocessing")


def _reference(model: Any, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The model's logits, float32 [n, classes], in batches that fit in memory."""
    with quiet_stderr():
        parts = [np.asarray(model(images, training=False)) for images in batches(samples, _BATCH)]
    reference = np.concatenate(parts).reshape(len(samples), -1)
    if not np.isfinite(reference).all():  # no artifact can equal it, and quantising it gives numpy's warnings
        raise ExportError(
            f"model {model.name!r}: the model itself gives values that are not finite; train it again with a lower rate"
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


def _convert(model: Any, target: Path, precision: str, calibration: NDArray[np.float32], batch: int | None) -> None:
    if format_of(target) == "onnx":
        from .convert.to_onnx import checked, to_onnx
        from .quantise.recipes import quantise_onnx

        save_onnx(checked(quantise_onnx(to_onnx(model, batch=batch), precision, calibration)), target)
    else:
        from .convert.to_tflite import to_tflite

        target.write_bytes(to_tflite(model, precision, calibration, batch=batch))


def _completed(metadata: Metadata, model: Any, precision: str, nonzero: float) -> Metadata:
    """The caller's metadata with what only the export knows."""
    versions = dict(metadata.versions)
    for package in _RECORDED:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    height, width = model.inputs[0].shape[1:3]
    return dataclasses.replace(
        metadata,
        precision=precision,
        input_size=(int(height), int(width)),
        nonzero_fraction=nonzero,
        versions=versions,
        network=metadata.network or model.name,
    )
