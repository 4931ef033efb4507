"""What the page needs to know about a model: how images become its input, and the names of its classes."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqnxt_base.user_files import read_whole
from sqnxt_export import Metadata, Preprocessing, Runner, open_model
from sqnxt_tf.class_outputs import class_output
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.image_input import read_known, resolve_runner

FORMATS = (".tflite", ".onnx")
_OWN_DIGITS = "digits/"
"""The name of the bundled digits: 8x8 cells with bright ink. A drawing is converted to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebModel:
    """One model of a site.

    Attributes:
        path: The file that the model was copied from.
        title: Its name on the page, different for each model.
        file: Its path in the site.
        format: `tflite` or `onnx`.
        precision: The precision of its metadata; empty if unknown.
        network: The network of its metadata; empty if unknown.
        labels: The names of its classes.
        preprocessing: What the page does to an image before the model.
        input: "uint8" if the model takes unchanged pixels, otherwise "float32".
        layout: NHWC or NCHW.
        options: The session options of onnxruntime.
        digits: Whether drawings become the 8x8 cells of the bundled digits.
        bytes: Its size.
        sha256: The checksum of its file, in hex.
        accuracy: The top-1 of its metadata, as a fraction; None if unknown.
        data: The data of its metadata; empty if unknown.
        notes: What was assumed about it.
    """

    path: Path
    title: str
    file: str
    format: str
    precision: str
    network: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    input: str
    layout: str
    options: dict[str, str]
    digits: bool
    bytes: int
    sha256: str
    accuracy: float | None
    data: str
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return its entry in the site's `models.json`."""
        return asdict(self) | {"path": self.path.name, "preprocessing": self.preprocessing.to_dict()}


def describe_models(
    paths: Sequence[str | Path], *, preprocessing: str | None = None, labels: str | Path | None = None
) -> list[WebModel]:
    """Describe the models of a site. Each is loaded and run once, so that the site has no model that cannot run.

    Args:
        paths: `.tflite` and `.onnx` files.
        preprocessing: A name or a TOML file that says how images are prepared; each file says it itself if None.
        labels: A file with one label a line; the files' own labels if None.

    Raises:
        SqnxtError: No file is given, one is given twice, or a browser's runtime cannot run one.
        ExportError: A file does not exist or is damaged, or the runtime that checks it is not installed.
    """
    files = [Path(path) for path in paths]
    if not files:
        raise SqnxtError("models", "none was given", "give one .tflite or .onnx file at least")
    twice = [path for path, count in Counter(path.resolve() for path in files).items() if count > 1]
    if twice:
        raise SqnxtError(str(twice[0]), "is given twice", "give each model once")
    for path in files:
        if path.suffix.lower() not in FORMATS:
            raise SqnxtError(path, "is not a .tflite or .onnx file", "make one with `export`")
    runners = [open_model(path) for path in files]
    given = Path(labels) if labels else None
    known = [read_known(runner.path, runner.input_shape, given) for runner in runners]
    titles = _titles(files, known)
    parts = zip(runners, known, titles, _places(files), strict=True)
    return [_web_model(runner, metadata, title, place, preprocessing) for runner, metadata, title, place in parts]


def _titles(files: Sequence[Path], known: Sequence[Metadata]) -> list[str]:
    """Return titles that differ: the precisions, precisions with formats, or names of files."""
    precisions = [metadata.precision or "no metadata" for metadata in known]
    formats = [f"{precision} {path.suffix[1:]}" for precision, path in zip(precisions, files, strict=True)]
    for titles in (precisions, formats, [path.stem for path in files], [path.name for path in files]):
        if len(set(titles)) == len(files):
            return titles
    return [
        f"{path.name} ({number})" for number, path in enumerate(files, 1)
    ]  # the page shows no folders of this machine


def _places(files: Sequence[Path]) -> list[str]:
    """Return paths in the site that are safe in a URL, and that differ on every file system."""
    places: list[str] = []
    for path in files:
        safe = re.sub(r"[^A-Za-z0-9.-]+", "-", path.stem).strip("-.") or "model"
        while (place := f"models/{safe}{path.suffix.lower()}").lower() in map(str.lower, places):
            safe += "-2"
        places.append(place)
    return places


def _web_model(runner: Runner, known: Metadata, title: str, place: str, given: str | None) -> WebModel:
    _check_for_browser(runner)
    notes: list[str] = []
    data = read_whole(runner.path)
    return WebModel(
        path=runner.path,
        title=title,
        file=place,
        format=runner.format,
        precision=known.precision,
        network=known.network,
        labels=_labels(runner, known, notes),
        preprocessing=_preprocessing(runner, known, given, notes),
        input="uint8" if runner.takes_pixels else "float32",
        layout=runner.layout,
        options=dict(runner.options),
        digits=known.data.startswith(_OWN_DIGITS),
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        accuracy=known.accuracy,
        data=known.data,
        notes=tuple(notes),
    )


def _labels(runner: Runner, metadata: Metadata, notes: list[str]) -> tuple[str, ...]:
    """Return the names of the classes, after one run that counts the outputs.

    Raises:
        SqnxtError: The metadata name another number of classes than there are outputs.
    """
    if class_output(runner, metadata) != 0:
        raise SqnxtError(
            runner.path, "returns its classes behind other outputs", "give a file whose first output they are"
        )
    classes = runner.run(runner.noise(1)).shape[1]
    if not metadata.labels:
        notes.append("no labels: classes are numbered")
        return tuple(f"class {index}" for index in range(classes))
    if len(metadata.labels) != classes:
        named = len(metadata.labels)
        raise SqnxtError(
            runner.path, f"has {classes} outputs, and its metadata name {named} classes", "export it again"
        )
    return metadata.labels


def _preprocessing(runner: Runner, metadata: Metadata, given: str | None, notes: list[str]) -> Preprocessing:
    """Choose the preprocessing, and refuse one that a model of unchanged pixels cannot have.

    Raises:
        SqnxtError: The preprocessing does not fit the model.
    """
    found = resolve_runner(runner, metadata, given)
    chosen = found.preprocessing
    notes += [found.note] if found.note else []
    if runner.takes_pixels and chosen != chosen.raw():
        raise SqnxtError(runner.path, "takes unchanged pixels, and its metadata normalise them", "export it again")
    return chosen


def _check_for_browser(runner: Runner) -> None:
    """Refuse a model that the runtimes of Python can run, and those of a browser cannot.

    LiteRT.js runs fixed batches only, and has no quantised integers as input or output. The page quantises nothing.

    Raises:
        SqnxtError: The model cannot run in a browser.
    """
    if runner.batch not in (None, 1):
        raise SqnxtError(runner.path, f"takes {runner.batch} images at once", "export it with `batch=1`")
    if runner.format == "tflite" and runner.resizable_batch:
        raise SqnxtError(runner.path, "has a free batch, which LiteRT.js cannot run", "export it with `batch=1`")
    taken, returned = runner.stored_types
    if returned != "float32" or not (taken == "float32" or runner.takes_pixels):
        raise SqnxtError(
            runner.path,
            f"takes {taken} and returns {returned}, and the page gives float32 or pixels and reads float32",
            'export it again with `io="float32"`, the default of `export`',
        )
