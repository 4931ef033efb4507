"""How images become the input of a model: as the user says, by its metadata, by the file, or by a noted assumption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqnxt_export import Metadata, Preprocessing, Runner, read_metadata
from sqnxt_export.artifact.tflite_metadata import read_tflite_metadata
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.preprocessing_rules import preprocessing_from, read_labels, stretched

ASSUMED = "assumed"
"""Key of `Metadata.extra` under which an artifact lists what was assumed about its model."""
_COMMON_RANGES = ((0.0, 255.0), (0.0, 1.0), (-1.0, 1.0), (-128.0, 127.0))
_NEAR = 0.04
"""Largest distance of the ends of a range from a common one, as a fraction of its width: integers end a step early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInput:
    """How images become the input of a model, and who says so.

    Attributes:
        preprocessing: From an image to the input.
        origin: "given" by the user, "metadata" of this project, "file" (what the file itself gives: the scale of a
            quantised input, a layer that rescales, TFLite Metadata), or "assumed".
        note: A sentence for the user where the metadata do not say; empty otherwise.
    """

    preprocessing: Preprocessing
    origin: str
    note: str = ""

    @property
    def is_assumed(self) -> bool:
        """Whether nothing says how the model's images are prepared."""
        return self.origin == ASSUMED


def resolve_input(
    subject: str | Path,
    shape: Sequence[int],
    metadata: Metadata,
    *,
    given: str | None = None,
    own_range: tuple[float, float] | None = None,
    pixels: bool = False,
) -> ImageInput:
    """Return how images become the input of a model.

    The user's word comes first, then the metadata, then the range that the file itself gives. What is left is assumed:
    images are stretched, and pixels are mapped to -1..1.

    Args:
        subject: The file or network, for messages.
        shape: Height, width and channels of the input.
        metadata: What the file says.
        given: A name or a TOML file, see `preprocessing_rules`; None asks the file.
        own_range: The range of values that the file gives for its input.
        pixels: Whether the file takes unchanged pixels and does the rest itself.

    Raises:
        SqnxtError: The metadata do not fit the input, or it is neither a grey nor an RGB image.
    """
    height, width, channels = shape
    size = height, width, channels
    if given is not None:
        _check_channels(subject, channels)
        chosen = preprocessing_from(given, size)
        return ImageInput(preprocessing=chosen.raw() if pixels else chosen, origin="given")
    if metadata.preprocessing is not None:
        return _by_metadata(subject, size, metadata, metadata.preprocessing)
    _check_channels(subject, channels)
    low, high = (0.0, 255.0) if pixels else own_range or (-1.0, 1.0)
    low, high = _common(low, high)
    how = f"no metadata on preprocessing: images are stretched to {height}x{width}, values {low:g} to {high:g}"
    if pixels or own_range is not None:
        return ImageInput(preprocessing=stretched(size, low, high), origin="file", note=f"{how}, as the file says")
    return ImageInput(
        preprocessing=stretched(size, low, high),
        origin=ASSUMED,
        note=f"{how}, which is assumed; `preprocessing` says otherwise",
    )


def _by_metadata(
    subject: str | Path, size: tuple[int, int, int], metadata: Metadata, known: Preprocessing
) -> ImageInput:
    height, width, channels = size
    if (known.height, known.width, known.channels) != size:
        raise SqnxtError(
            subject,
            f"takes images of {height}x{width}x{channels}, and its metadata resize them to "
            f"{known.height}x{known.width}x{known.channels}",
            "export it again",
        )
    assumed = metadata.extra.get(ASSUMED)
    if isinstance(assumed, list) and "preprocessing" in assumed:
        note = "its preprocessing was assumed when it was exported; `preprocessing` says otherwise"
        return ImageInput(preprocessing=known, origin=ASSUMED, note=note)
    return ImageInput(preprocessing=known, origin="metadata")


def resolve_runner(runner: Runner, metadata: Metadata, given: str | None = None) -> ImageInput:
    """Return how images become the input of a file that is open; see `resolve_input`."""
    return resolve_input(
        runner.path,
        runner.input_shape,
        metadata,
        given=given,
        own_range=runner.input_range,
        pixels=runner.takes_pixels,
    )


def read_known(path: Path, shape: Sequence[int] | None = None, labels: Path | None = None) -> Metadata:
    """Return the metadata of a file, or what standard TFLite Metadata say; empty ones if it has neither.

    The precision is empty where the file is not of this project.

    Args:
        path: The file.
        shape: Height, width and channels of its input; without it, only labels are read from TFLite Metadata.
        labels: A file of labels that replaces the file's own.

    Raises:
        SqnxtError, ExportError: The metadata or the labels cannot be read.
    """
    metadata = read_metadata(path)
    if metadata is None:
        metadata = _standard(path, shape) if path.suffix.lower() == ".tflite" else Metadata(precision="")
    return metadata if labels is None else replace(metadata, labels=read_labels(labels))


def _standard(path: Path, shape: Sequence[int] | None) -> Metadata:
    found = read_tflite_metadata(path)
    if found is None:
        return Metadata(precision="")
    chosen = None
    if found.mean and shape is not None and shape[2] in (1, 3):
        height, width, channels = shape
        mean, scale = (values * channels if len(values) == 1 else values for values in (found.mean, found.scale))
        if len(mean) == len(scale) == channels:
            chosen = Preprocessing(
                height=height, width=width, channels=channels, resize="stretch", mean=mean, scale=scale
            )
    return Metadata(network=found.name[:100], labels=found.labels, preprocessing=chosen, precision="")


def _check_channels(subject: str | Path, channels: int) -> None:
    if channels not in (1, 3):
        raise SqnxtError(subject, f"takes images of {channels} channels", "give a network for grey or RGB images")


def _common(low: float, high: float) -> tuple[float, float]:
    """Return the common range that a file's range nearly is, or the range itself."""
    for begin, end in _COMMON_RANGES:
        near = _NEAR * (end - begin)
        if abs(low - begin) <= near and abs(high - end) <= near:
            return begin, end
    return low, high
