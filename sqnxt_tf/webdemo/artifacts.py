"""What the page must know of a model: how images become its input, and what its outputs are called."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqnxt_export import Metadata, Preprocessing, Runner, open_model, read_metadata
from sqnxt_tf.errors import SqnxtError

FORMATS = (".tflite", ".onnx")
_OWN_DIGITS = "digits/"
"""How the bundled digits call themselves: 8x8 cells with bright ink, which a drawing is turned into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebModel:
    """One model of a site.

    `title` tells it from the others, `file` is its place in the site; `notes` say what was assumed.

    `preprocessing` is what the page does to an image before the model, with `input` "uint8" where the model takes the
    pixels as they are; `layout` is NHWC or NCHW; `options` are onnxruntime's session options; `digits` says that
    drawings become the 8x8 cells of the bundled digits.
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
        """Its entry in the site's `models.json`."""
        return asdict(self) | {"path": self.path.name, "preprocessing": self.preprocessing.to_dict()}


def describe(paths: Sequence[str | Path]) -> list[WebModel]:
    """The models of a site, each loaded and run once here, so that none is packed that cannot run.

    Raises:
        SqnxtError: No file, one given twice, or one that a browser's runtime cannot run.
        ExportError: A file is not there or damaged, or the runtime that checks it is not installed.
    """
    files = [Path(path) for path in paths]
    if not files:
        raise SqnxtError("models", "none was given", "name one .tflite or .onnx file at least")
    twice = [path for path, count in Counter(path.resolve() for path in files).items() if count > 1]
    if twice:
        raise SqnxtError(str(twice[0]), "is given twice", "name each model once")
    for path in files:
        if path.suffix.lower() not in FORMATS:
            raise SqnxtError(path, "is no .tflite or .onnx file", "make one with `sqnxt-tf export`")
    runners = [open_model(path) for path in files]
    known = [read_metadata(path) for path in files]
    titles = _titles(files, known)
    parts = zip(runners, known, titles, _places(files), strict=True)
    return [_web_model(runner, metadata, title, place) for runner, metadata, title, place in parts]


def _titles(files: Sequence[Path], known: Sequence[Metadata | None]) -> list[str]:
    """What tells the models apart: their precisions, or with the formats, or the files' names."""
    precisions = [metadata.precision if metadata else "no metadata" for metadata in known]
    formats = [f"{precision} {path.suffix[1:]}" for precision, path in zip(precisions, files, strict=True)]
    for titles in (precisions, formats, [path.stem for path in files], [path.name for path in files]):
        if len(set(titles)) == len(files):
            return titles
    return [f"{path.name} ({number})" for number, path in enumerate(files, 1)]  # a folder's name is nobody's business


def _places(files: Sequence[Path]) -> list[str]:
    """Files of the site, by names that are safe in an address and differ on every file system."""
    places: list[str] = []
    for path in files:
        safe = re.sub(r"[^A-Za-z0-9.-]+", "-", path.stem).strip("-.") or "model"
        while (place := f"models/{safe}{path.suffix.lower()}").lower() in map(str.lower, places):
            safe += "-2"
        places.append(place)
    return places


def _web_model(runner: Runner, metadata: Metadata | None, title: str, place: str) -> WebModel:
    _check_for_browser(runner)
    notes: list[str] = []
    known = metadata or Metadata(precision="")
    data = runner.path.read_bytes()
    return WebModel(
        path=runner.path,
        title=title,
        file=place,
        format=runner.format,
        precision=known.precision,
        network=known.network,
        labels=_labels(runner, known, notes),
        preprocessing=_preprocessing(runner, known, notes),
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
    """What its outputs are called, after one run that counts them.

    Raises:
        SqnxtError: It names another number of classes than it has.
    """
    classes = runner.run(runner.noise(1)).shape[1]
    if not metadata.labels:
        notes.append("it does not name its classes: they are numbered")
        return tuple(f"class {index}" for index in range(classes))
    if len(metadata.labels) != classes:
        named = len(metadata.labels)
        raise SqnxtError(runner.path, f"has {classes} outputs and names {named} classes", "export it again")
    return metadata.labels


def _preprocessing(runner: Runner, metadata: Metadata, notes: list[str]) -> Preprocessing:
    """What it says of that; else stretched to its size, and mapped to -1..1 where it takes floats.

    Raises:
        SqnxtError: It says what does not fit its input, or has as many channels as no picture.
    """
    height, width, channels = runner.input_shape
    told = metadata.preprocessing
    if told is None:
        if channels not in (1, 3):
            raise SqnxtError(runner.path, f"takes images of {channels} channels", "a page has grey and RGB ones")
        plain = Preprocessing.plain(height, width, channels)
        range_ = "0..255" if runner.takes_pixels else "-1..1"
        notes.append(f"it does not tell its preprocessing: images are stretched and mapped to {range_}")
        return plain.raw() if runner.takes_pixels else plain
    if (told.height, told.width, told.channels) != runner.input_shape:
        takes, told_of = list(runner.input_shape), [told.height, told.width, told.channels]
        raise SqnxtError(runner.path, f"takes images of {takes} and its metadata speak of {told_of}", "export it again")
    if runner.takes_pixels and told != told.raw():
        raise SqnxtError(runner.path, "takes plain pixels and its metadata ask for arithmetic", "export it again")
    return told


def _check_for_browser(runner: Runner) -> None:
    """Refuse what the runtimes of a browser cannot run, though those of Python can.

    LiteRT.js reads fixed batches only, and integers with a scale neither as input nor as output.

    Raises:
        SqnxtError: With the reason.
    """
    if runner.batch not in (None, 1):
        raise SqnxtError(runner.path, f"takes {runner.batch} images at once", "export it with --batch 1")
    if runner.format != "tflite":
        return
    if runner.resizable_batch:
        raise SqnxtError(runner.path, "leaves its batch open, which LiteRT.js cannot run", "export it with --batch 1")
    taken, given = runner.stored_types
    if given != "float32" or not (taken == "float32" or runner.takes_pixels):
        raise SqnxtError(
            runner.path,
            f"takes {taken} and gives {given}, and LiteRT.js has float32 or plain pixels in and float32 out",
            "convert it with float input and output, as `sqnxt-tf export` does",
        )
