"""TFLite Metadata, the standard of TensorFlow Lite's own tools: normalisation of images, and files with labels.

A flatbuffer of its own (`metadata_schema.fbs`, identifier M001) lies in the model's buffer `TFLITE_METADATA`. The files
that it names are members of a zip archive at the end of the .tflite file.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path

from sqnxt_export.artifact.flatbuffer import FlatBuffer
from sqnxt_export.artifact.zips import open_zip, read_member
from sqnxt_export.errors import ExportError

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
        found = _metadata_bytes(path.read_bytes())
        return _parsed(path, FlatBuffer(found)) if found[4:8] == _IDENTIFIER else None
    except (struct.error, IndexError, ValueError, UnicodeDecodeError):
        return None


def _metadata_bytes(data: bytes) -> bytes:
    """Return the bytes of the buffer that the model's metadata entry names; none if there is no such entry."""
    model = FlatBuffer(data)
    for entry in model.tables(model.root, _MODEL_METADATA):
        if model.text(entry, _ENTRY_NAME) == _NAME:
            buffer = model.scalar(entry, _ENTRY_BUFFER, "<I")
            return model.bytes(model.tables(model.root, _MODEL_BUFFERS)[buffer], _BUFFER_DATA)
    return b""


def _parsed(path: Path, reader: FlatBuffer) -> TfliteMetadata:
    subgraphs = reader.tables(reader.root, _METADATA_SUBGRAPHS)
    inputs = reader.tables(subgraphs[0], _SUBGRAPH_INPUTS) if subgraphs else []
    outputs = reader.tables(subgraphs[0], _SUBGRAPH_OUTPUTS) if subgraphs else []
    mean, scale = _normalisation(reader, inputs[0]) if len(inputs) == 1 else ((), ())
    files = [name for tensor in outputs for name in _label_files(reader, tensor)]
    labels = _labels(path, files[0]) if files else ()
    return TfliteMetadata(name=reader.text(reader.root, _METADATA_NAME), mean=mean, scale=scale, labels=labels)


def _normalisation(reader: FlatBuffer, tensor: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the scale of an input, empty if it has none or no sensible ones."""
    for unit in reader.tables(tensor, _TENSOR_UNITS):
        if reader.scalar(unit, _UNIT_KIND, "<B") == _NORMALIZATION:
            options = reader.table(unit, _UNIT_OPTIONS)
            mean, scale = reader.floats(options, _MEAN), reader.floats(options, _STD)
            if mean and scale and 0 not in scale and all(map(math.isfinite, (*mean, *scale))):
                return mean, scale
    return (), ()


def _label_files(reader: FlatBuffer, tensor: int) -> list[str]:
    files = reader.tables(tensor, _TENSOR_FILES)
    return [reader.text(file, _FILE_NAME) for file in files if reader.scalar(file, _FILE_KIND, "<b") in _LABEL_KINDS]


def _labels(path: Path, name: str) -> tuple[str, ...]:
    """Return the lines of a file of labels in the archive behind the model."""
    try:
        with open_zip(path, ".tflite file") as archive:
            text = read_member(path, archive, name, _MAX_LABEL_BYTES).decode()
    except ExportError:
        return ()
    return tuple(line.strip() for line in text.splitlines() if line.strip())
