"""Standard TFLite Metadata: normalisation and labels are read, and damaged ones are none."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import flatbuffers
import pytest

from sqnxt_export.artifact.tflite_metadata import TfliteMetadata, read_tflite_metadata

LABELS = b"cat\ndog\n\n  red panda \n"


def _vector(builder: Any, items: list[int]) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    return int(builder.EndVector())


def _floats(builder: Any, values: list[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return int(builder.EndVector())


def _table(builder: Any, slots: int, **fields: Any) -> int:
    """Build a table from `s<slot>=(kind, value)`."""
    builder.StartObject(slots)
    for name, (kind, value) in fields.items():
        slot = int(name[1:])
        if kind == "offset":
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
        else:
            getattr(builder, f"Prepend{kind}Slot")(slot, value, 0)
    return int(builder.EndObject())


def metadata_bytes(mean: list[float], std: list[float], label_file: str = "labels.txt") -> bytes:
    """Return a flatbuffer of metadata_schema.fbs with one image and one output with labels."""
    builder = flatbuffers.Builder(0)
    name, file_name = builder.CreateString("zoo"), builder.CreateString(label_file)
    options = _table(builder, 2, s0=("offset", _floats(builder, mean)), s1=("offset", _floats(builder, std)))
    unit = _table(builder, 2, s0=("Uint8", 1), s1=("offset", options))
    units = _vector(builder, [unit])
    taken = _vector(builder, [_table(builder, 7, s4=("offset", units))])
    files = _vector(builder, [_table(builder, 5, s0=("offset", file_name), s2=("Int8", 2))])
    returned = _vector(builder, [_table(builder, 7, s6=("offset", files))])
    graphs = _vector(builder, [_table(builder, 7, s2=("offset", taken), s3=("offset", returned))])
    builder.Finish(_table(builder, 8, s0=("offset", name), s3=("offset", graphs)), b"M001")
    return bytes(builder.Output())


def tflite_with(path: Path, inside: bytes, labels: bytes | None = LABELS) -> Path:
    """Write a .tflite file without a graph whose buffer 1 holds `inside`."""
    builder = flatbuffers.Builder(0)
    data = builder.CreateByteVector(inside)
    name = builder.CreateString("TFLITE_METADATA")
    buffers = _vector(builder, [_table(builder, 1), _table(builder, 1, s0=("offset", data))])
    entries = _vector(builder, [_table(builder, 2, s0=("offset", name), s1=("Uint32", 1))])
    builder.Finish(_table(builder, 8, s4=("offset", buffers), s6=("offset", entries)), b"TFL3")
    end = io.BytesIO()
    if labels is not None:
        with zipfile.ZipFile(end, "w") as archive:
            archive.writestr("labels.txt", labels)
    path.write_bytes(bytes(builder.Output()) + end.getvalue())
    return path


def test_normalisation_and_labels(tmp_path: Path) -> None:
    path = tflite_with(tmp_path / "a.tflite", metadata_bytes([127.5], [127.5]))
    found = TfliteMetadata(name="zoo", mean=(127.5,), scale=(127.5,), labels=("cat", "dog", "red panda"))
    assert read_tflite_metadata(path) == found
    three = tflite_with(tmp_path / "b.tflite", metadata_bytes([1, 2, 3], [4, 5, 6]), labels=None)
    assert read_tflite_metadata(three) == TfliteMetadata(name="zoo", mean=(1, 2, 3), scale=(4, 5, 6))


def test_labels_that_are_not_utf8_are_kept_and_only_ends_of_lines_divide_them(tmp_path: Path) -> None:
    path = tflite_with(tmp_path / "a.tflite", metadata_bytes([127.5], [127.5]), b"caf\xe9\nred\x0bpanda\r\ndog")
    found = read_tflite_metadata(path)
    assert found is not None
    assert found.labels == ("caf\udce9", "red\x0bpanda", "dog")


@pytest.mark.parametrize("inside", [b"", b"\x08\0\0\0M001", b"\xff" * 64])
def test_what_is_damaged_is_no_metadata(tmp_path: Path, inside: bytes) -> None:
    assert read_tflite_metadata(tflite_with(tmp_path / "a.tflite", inside)) is None
    good = metadata_bytes([1], [2])
    for end in range(0, len(good), 7):
        read_tflite_metadata(tflite_with(tmp_path / "a.tflite", good[:end]))  # never anything but an answer
    for place in range(len(good)):
        broken = bytearray(good)
        broken[place] ^= 0xFF
        read_tflite_metadata(tflite_with(tmp_path / "a.tflite", bytes(broken)))


def test_senseless_numbers_are_left_out(tmp_path: Path) -> None:
    for mean, std in (([1], [0]), ([float("nan")], [1]), ([], [])):
        found = read_tflite_metadata(tflite_with(tmp_path / "a.tflite", metadata_bytes(mean, std)))
        assert found is not None
        assert (found.mean, found.scale) == ((), ())
