"""TFLite Metadata, the standard of TensorFlow Lite's own tools: normalisation of images, and files with labels.

A flatbuffer of its own (`metadata_schema.fbs`, identifier M001) lies in the model's buffer `TFLITE_METADATA`. The files
that it names are members of a zip archive at the end of the .tflite file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from sqnxt_base.user_files import lines_of, read_whole
from sqnxt_export.artifact.zips import open_zip, read_member
from sqnxt_export.errors import ExportError
from sqnxt_sim.frontend.tflite_flatbuffer import FAULTS, Flatbuffer, Table

_NAME, _IDENTIFIER = "TFLITE_METADATA", b"M001"
_MAX_BYTES = 2 << 30
_MAX_LABEL_BYTES = 4 << 20
# Slots of schema.fbs
_MODEL_BUFFERS, _MODEL_METADATA = 4, 6
_ENTRY_NAME, _ENTRY_BUFFER = 0, 1
_BUFFER_DATA = 0
# Slots of metadata_schema.fbs
_METADATA_NAME, _METADATA_SUBGRAPHS = 0, 3
_SUBGRAPH_INPUTS, _SUBGRAPH_OUTPUTS = 2, 3
_TENSOR_UNITS, _TENSOR_FILES = 4, 6
_UNIT_KIND, _UNIT_OPTIONS = 0, 1
_NORMALIZATION, _MEAN, _STD = 1, 0, 1
_FILE_NAME, _FILE_KIND = 0, 2
_LABEL_KINDS = (2, 3)
"""TENSOR_AXIS_LABELS and TENSOR_VALUE_LABELS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TfliteMetadata:
    """What TFLite Metadata say of a model for images.

    Attributes:
        name: Name of the model; empty if unknown.
        mean: Value to subtract from pixels of 0 to 255, one or one per channel; empty if unknown.
        scale: Value to divide by, likewise.
        labels: Name of each class of the first output that has labels; empty if unknown.
    """

    name: str = ""
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()


def read_tflite_metadata(path: Path) -> TfliteMetadata | None:
    """Read the TFLite Metadata of a .tflite file; None if it has none, or if they are damaged."""
    if path.stat().st_size > _MAX_BYTES:
        return None
    try:
        found = _metadata_bytes(read_whole(path))
        return _parsed(path, Flatbuffer(found).root) if found[4:8] == _IDENTIFIER else None
    except FAULTS:
        return None


def _metadata_bytes(data: bytes) -> bytes:
    """Return the bytes of the buffer that the model's metadata entry names; none if there is no such entry."""
    model = Flatbuffer(data).root
    for entry in model.tables(_MODEL_METADATA):
        if entry.text(_ENTRY_NAME) == _NAME:
            start, count = model.tables(_MODEL_BUFFERS)[entry.scalar(_ENTRY_BUFFER, "<I")].vector(_BUFFER_DATA, 1)
            return data[start : start + count]
    return b""


def _parsed(path: Path, metadata: Table) -> TfliteMetadata:
    graphs = metadata.tables(_METADATA_SUBGRAPHS)
    inputs = graphs[0].tables(_SUBGRAPH_INPUTS) if graphs else []
    outputs = graphs[0].tables(_SUBGRAPH_OUTPUTS) if graphs else []
    mean, scale = _normalisation(inputs[0]) if len(inputs) == 1 else ((), ())
    files = [name for tensor in outputs for name in _label_files(tensor)]
    labels = _labels(path, files[0]) if files else ()
    return TfliteMetadata(name=metadata.text(_METADATA_NAME), mean=mean, scale=scale, labels=labels)


def _normalisation(tensor: Table) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the scale of an input, empty if it has none or no sensible ones."""
    for unit in tensor.tables(_TENSOR_UNITS):
        options = unit.table(_UNIT_OPTIONS) if unit.scalar(_UNIT_KIND, "<B") == _NORMALIZATION else None
        if options is not None:
            mean, scale = (tuple(options.numbers(slot, "<f4").tolist()) for slot in (_MEAN, _STD))
            if mean and scale and 0 not in scale and all(map(math.isfinite, (*mean, *scale))):
                return mean, scale
    return (), ()


def _label_files(tensor: Table) -> list[str]:
    files = tensor.tables(_TENSOR_FILES)
    return [file.text(_FILE_NAME) for file in files if file.scalar(_FILE_KIND, "<b") in _LABEL_KINDS]


def _labels(path: Path, name: str) -> tuple[str, ...]:
    """Return the lines of a file of labels in the archive behind the model; bytes that are not UTF-8 stay."""
    try:
        with open_zip(path, ".tflite file") as archive:
            text = read_member(path, archive, name, _MAX_LABEL_BYTES).decode("utf-8", "surrogateescape")
    except ExportError:
        return ()
    return tuple(lines_of(text))
