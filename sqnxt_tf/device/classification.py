"""Classify images by an artifact's own labels and preprocessing: the best classes, and how long each image took."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.user_files import exists
from sqnxt_export import Metadata, open_model
from sqnxt_tf.class_outputs import class_output
from sqnxt_tf.data.folders import SUFFIXES, is_folder, read_image
from sqnxt_tf.device.fault_handlers import FaultHandler, raise_fault
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.image_input import read_known, resolve_runner
from sqnxt_tf.progress import Progress, silent

_TOP = 5
_KINDS = SUFFIXES | {".avif", ".jfif", ".jp2", ".jpe", ".pgm", ".pnm", ".tga"}  # suffixes of images in a folder
_FURTHEST_SUM = 0.5  # how far from 1 the sum of a thousand probabilities may be, when each is rounded to 8 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The best classes of one image with their probabilities, best first.

    `preprocessing_ms` is the time from pixels to the network's input, `inference_ms` that of the run itself.
    """

    source: str
    top: tuple[tuple[str, float], ...]
    preprocessing_ms: float
    inference_ms: float

    def to_json(self) -> dict[str, Any]:
        """Return an entry of the `classify` document."""
        return {
            "image": self.source,
            "top": [{"label": label, "probability": probability} for label, probability in self.top],
            "preprocessing_ms": self.preprocessing_ms,
            "inference_ms": self.inference_ms,
        }


class Classifier:
    """An artifact or model that is ready to classify. `notes` tell what had to be assumed about it."""

    def __init__(
        self,
        path: str | Path,
        *,
        threads: int | None = None,
        top: int = _TOP,
        preprocessing: str | None = None,
        labels: str | Path | None = None,
    ) -> None:
        """Open the file and run it once, so that the first image takes no longer than the others.

        Args:
            path: A .tflite, .onnx or .keras file.
            threads: Threads of the runtime.
            top: How many classes an answer holds.
            preprocessing: A name or a TOML file that says how images are prepared; the file says it if None.
            labels: A file with one label a line; the file's own labels if None.

        Raises:
            SqnxtError: Its input is neither a grey nor an RGB image, or its output is not one score a class.
            ExportError: The file cannot be read, or its runtime is not installed.
        """
        self.path, self.top = Path(path), top
        self.runner = open_model(self.path, threads=threads)
        metadata = read_known(self.path, self.runner.input_shape, Path(labels) if labels else None)
        chosen = resolve_runner(self.runner, metadata, preprocessing)
        notes = [chosen.note] if chosen.note else []
        if not self.runner.layout_known:
            notes.append(f"nothing tells the layout of its image: {self.runner.layout} is assumed by its sides")
        self.preprocessing = chosen.preprocessing
        self.preprocessing.apply([np.zeros((1, 1), np.uint8)])  # imports pillow now
        self.place = class_output(self.runner, metadata)
        self.labels = _labels(metadata, len(self._scores(self.runner.noise(1))), notes)
        self.notes = [f"{self.path}: {note}" for note in notes]

    def classify(self, pixels: NDArray[np.uint8], source: str) -> Answer:
        """Return the best classes of an image, uint8 [height, width] or [height, width, 3] of any size.

        Raises:
            SqnxtError: An output of the network is not a number.
            ExportError: Its runtime failed.
        """
        began = time.perf_counter()
        images = self.preprocessing.apply([pixels])
        ready = time.perf_counter()
        values = self._scores(images)
        done = time.perf_counter()
        if not np.isfinite(values).all():
            raise SqnxtError(self.path, f"returns values for {source} that are not numbers", "export it again")
        chances = probabilities(values)
        best = np.argsort(-chances, kind="stable")[: self.top]
        return Answer(
            source=source,
            top=tuple((self.labels[index], float(chances[index])) for index in best),
            preprocessing_ms=1e3 * (ready - began),
            inference_ms=1e3 * (done - ready),
        )

    def _scores(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the scores of the first of some images, float32 [classes]."""
        scores: NDArray[np.float32] = self.runner.run_all(images)[self.place][0].reshape(-1).astype(np.float32)
        return scores


def _labels(metadata: Metadata, classes: int, notes: list[str]) -> tuple[str, ...]:
    if len(metadata.labels) == classes:
        return metadata.labels
    found = f"{len(metadata.labels)} labels for its {classes} classes" if metadata.labels else "no labels"
    notes.append(f"{found}: classes are numbered")
    return tuple(f"class {index}" for index in range(classes))


def probabilities(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return a network's [classes] outputs as probabilities, by softmax unless the network ends in one."""
    exact = values.astype(np.float64)
    if exact.min() >= 0 and exact.max() <= 1 and abs(exact.sum() - 1) <= _FURTHEST_SUM:
        return exact
    raised: NDArray[np.float64] = np.exp(exact - exact.max())
    raised /= raised.sum()
    return raised


def classify(
    path: str | Path,
    images: Sequence[str | Path],
    *,
    threads: int | None = None,
    top: int = _TOP,
    preprocessing: str | None = None,
    labels: str | Path | None = None,
    on_fault: FaultHandler = raise_fault,
) -> tuple[Answer, ...]:
    """Classify images, and all images in folders, by the labels and the preprocessing of an artifact or model.

    Args:
        path: A .tflite, .onnx or .keras file.
        images: Files that pillow reads, or folders. EXIF rotation is applied, and transparency is put on white.
        threads: Threads of the runtime.
        top: How many classes an answer holds.
        preprocessing: How images are prepared: imagenet, plain, 0..1, -1..1, 0..255 or a TOML file; the file's own if
            None.
        labels: A file with one label a line; the file's own labels if None.
        on_fault: Called with the error of an image that cannot be read; if it returns, the others are classified.

    Raises:
        SqnxtError: An image does not exist or cannot be read, or the file does not take images.
        ExportError: The file cannot be read, or its runtime is not installed.
    """
    classifier = Classifier(path, threads=threads, top=top, preprocessing=preprocessing, labels=labels)
    return tuple(classify_images(classifier, images, on_fault=on_fault))


def classify_images(
    classifier: Classifier,
    places: Sequence[str | Path],
    *,
    on_fault: FaultHandler = raise_fault,
    progress: Progress = silent,
) -> Iterator[Answer]:
    """Yield the answers for images, and for all images in folders, one after the other.

    Raises:
        SqnxtError: An image does not exist or cannot be read, and `on_fault` raises its error.
    """
    paths = find_images(places, on_fault)
    for number, path in enumerate(paths, 1):
        try:
            yield classifier.classify(read_image(path), str(path))
        except SqnxtError as error:
            on_fault(error)
        progress("classifying", number, len(paths))


def find_images(places: Iterable[str | Path], on_fault: FaultHandler = raise_fault) -> list[Path]:
    """Return the files that are given, and the files with a suffix of images in folders and sub-folders, sorted."""
    found: list[Path] = []
    for place in map(Path, places):
        if is_folder(place):
            inside = sorted(path for path in place.rglob("*") if path.suffix.lower() in _KINDS and not path.is_dir())
            if not inside:
                kinds = ", ".join(sorted(_KINDS))
                on_fault(SqnxtError(place, "holds no images", f"give a folder with {kinds} files"))
            found += inside
        elif exists(place):
            found.append(place)
        else:
            on_fault(SqnxtError(place, "no such file", "check the path"))
    return found
