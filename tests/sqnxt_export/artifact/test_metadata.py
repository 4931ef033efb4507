"""The metadata inside an artifact: round trips, strictness, all three kinds of file."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqnxt_export import (
    ExportError,
    Metadata,
    Preprocessing,
    compressed_bytes,
    nonzero_fraction,
    open_model,
    read_metadata,
    save_keras,
    to_onnx,
    to_tflite,
    write_metadata,
)

TEXT = st.text(max_size=20)
FRACTION = st.none() | st.floats(0, 1)
SIDES = st.integers(1, 4096)
METADATA = st.builds(
    Metadata,
    network=TEXT,
    labels=st.lists(TEXT, max_size=5).map(tuple),
    preprocessing=st.none() | st.builds(Preprocessing.imagenet, SIDES, SIDES) | st.builds(Preprocessing.plain, SIDES),
    input_size=st.none() | st.tuples(SIDES, SIDES),
    precision=TEXT,
    nonzero_fraction=FRACTION,
    source_hash=TEXT,
    versions=st.dictionaries(TEXT, TEXT, max_size=3),
    accuracy=FRACTION,
    data=TEXT,
    extra=st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT, max_size=3),
)


@given(METADATA)
def test_json_round_trip(metadata: Metadata) -> None:
    assert Metadata.from_json(metadata.to_json()) == metadata


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format_version", 2),
        ("format_version", True),
        ("accuracy", 1.5),
        ("accuracy", "0.5"),
        ("nonzero_fraction", -0.1),
        ("labels", "abc"),
        ("labels", [1]),
        ("labels", ["x" * 5000]),
        ("versions", {"a": 1}),
        ("input_size", [1]),
        ("input_size", [0, 5]),
        ("input_size", 5),
        ("network", None),
        ("extra", []),
        ("preprocessing", []),
        ("preprocessing", {"height": 1}),
        ("surprise", 1),
    ],
)
def test_metadata_from_elsewhere_is_checked(field: str, value: Any) -> None:
    document = json.loads(Metadata().to_json())
    document[field] = value
    with pytest.raises(ExportError) as caught:
        Metadata.from_json(json.dumps(document))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [("mean", [1, 2]), ("scale", [0, 1, 1]), ("mean", [1e400, 1, 1]), ("height", 0), ("channels", 2), ("resize", "up")],
)
def test_preprocessing_from_elsewhere_is_checked(field: str, value: Any) -> None:
    document = Preprocessing.imagenet().to_dict()
    document[field] = value
    with pytest.raises(ExportError, match="preprocessing"):
        Preprocessing.from_dict(document)


@pytest.mark.parametrize("text", ["", "[]", "{", "NaN", "[" * 100_000, '{"accuracy": NaN}', "x" * (5 << 20)])
def test_text_that_is_no_metadata(text: str) -> None:
    with pytest.raises(ExportError):
        Metadata.from_json(text)


@pytest.fixture
def artifacts(models: Any, tmp_path: Path) -> list[Path]:
    """Write one network as .keras, .onnx and .tflite, without metadata."""
    paths = [tmp_path / f"net.{suffix}" for suffix in ("keras", "onnx", "tflite")]
    save_keras(models["mobilenet_like"], paths[0])
    onnx.save(to_onnx(models["mobilenet_like"]), paths[1])
    paths[2].write_bytes(to_tflite(models["mobilenet_like"], "float32"))
    return paths


def test_metadata_in_every_kind_of_file(artifacts: list[Path], images: Any, models: Any) -> None:
    reference = models["mobilenet_like"](images[:2]).numpy()
    for path in artifacts:
        assert read_metadata(path) is None
        for labels in (("a", "b"), ("ü",)):
            metadata = Metadata(labels=labels, preprocessing=Preprocessing.plain(19))
            write_metadata(path, metadata)
            size = path.stat().st_size
            assert read_metadata(path) == metadata
            np.testing.assert_allclose(open_model(path).run(images[:2]), reference, atol=1e-5)
        write_metadata(path, metadata)
        assert path.stat().st_size == size, "writing again must replace, not append"
        assert nonzero_fraction(path) == pytest.approx(0.61, abs=0.02)
        assert 0 < compressed_bytes(path) < size
    assert not [path for path in artifacts[0].parent.iterdir() if path not in artifacts]


def test_other_files_in_a_tflite_are_kept(artifacts: list[Path]) -> None:
    path = artifacts[2]
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "one")
    write_metadata(path, Metadata(network="n"))
    write_metadata(path, Metadata(network="m"))
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["labels.txt", "sqnxt.json"]
        assert archive.read("labels.txt") == b"one"
    assert path.read_bytes()[4:8] == b"TFL3"


def test_damaged_metadata_is_one_line(artifacts: list[Path]) -> None:
    path = artifacts[2]
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("sqnxt.json", '{"half":')
    with pytest.raises(ExportError, match="not JSON"):
        read_metadata(path)
