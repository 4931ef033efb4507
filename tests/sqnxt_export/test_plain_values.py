"""Options, samples and results are plain values: they can be copied, pickled and turned into dictionaries."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sqnxt_export import (
    Accuracy,
    ArtifactOptions,
    Budget,
    ExportError,
    ExportResult,
    ExportSamples,
    LayerNoise,
    Metadata,
    NodeTime,
    Parity,
    ParityError,
    Preprocessing,
    compress_artifact,
    decompress,
    export_model,
    open_model,
    profile_onnx,
)

PARITY = Parity(max_abs_diff=0.1, max_rel_diff=0.01, top1_agreement=1.0, samples=3, passed=True)


def _same(left: Any, right: Any) -> bool:
    """Compare field by field, since objects that hold arrays have no equality of their own."""
    if dataclasses.is_dataclass(left):
        fields = [field.name for field in dataclasses.fields(left)]
        return type(left) is type(right) and all(_same(getattr(left, f), getattr(right, f)) for f in fields)
    return np.array_equal(left, right) if isinstance(left, np.ndarray) else bool(left == right)


def _images(count: int) -> Any:
    return np.zeros((count, 2, 2, 3), np.float32)


BUDGET = Budget(images=_images(2), labels=np.zeros(2, np.int64), max_drop=0.1)
OBJECTS: dict[str, Any] = {
    "options": ArtifactOptions(format="onnx", precision="int8", calibration_method="entropy"),
    "samples": ExportSamples(parity=_images(3), calibration=_images(4), budget=BUDGET),
    "metadata": Metadata(labels=("a", "b"), preprocessing=Preprocessing.plain(2), extra={"a": [1]}),
    "node time": NodeTime(index=None, name="a", op="Conv", milliseconds=np.zeros(2)),
    "result": ExportResult(
        format="onnx", precision="int8", path="a.onnx", bytes=2, compressed_bytes=1, nonzero_fraction=0.5,
        parity=PARITY, source="net", layers=(LayerNoise("conv", 20.0, 30.0),), wider=("conv",),
        accuracy=Accuracy(model_top1=0.9, artifact_top1=0.89, max_drop=0.1, samples=2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_are_copied_pickled_and_turned_into_dictionaries(name: str) -> None:
    value = OBJECTS[name]
    assert _same(pickle.loads(pickle.dumps(value)), value)
    assert _same(copy.deepcopy(value), value)
    assert set(dataclasses.asdict(value)) == {field.name for field in dataclasses.fields(value)}
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, dataclasses.fields(value)[0].name, None)


def test_so_are_the_results_of_the_functions(models: Any, images: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    exported = export_model(
        models["mobilenet_like"], path, ArtifactOptions(format="onnx"), ExportSamples(parity=images)
    )
    compressed = compress_artifact(path, tmp_path / "net.sqz")
    restored = decompress(tmp_path / "net.sqz", path, force=True)
    times = profile_onnx(path, threads=1, options=open_model(path).options, runs=2, warmup=0)
    for value in (exported, compressed, compressed.sections, *compressed.tensors, restored, *times):
        assert _same(pickle.loads(pickle.dumps(value)), value)
        assert _same(copy.deepcopy(value), value)
        assert dataclasses.asdict(value)


def test_errors_keep_their_parts_when_they_are_pickled() -> None:
    for error in (ExportError("a.onnx", "is odd", "mend it"), ParityError("a.onnx", "differs", "calibrate", PARITY)):
        again = pickle.loads(pickle.dumps(error))
        assert (str(again), again.object, again.fault, again.remedy) == (
            str(error), error.object, error.fault, error.remedy,
        )  # fmt: skip
    assert again.parity == PARITY


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"format": "coreml"}, "format 'coreml': unknown; use one of onnx, tflite"),
        ({"format": "onnx", "precision": "int4"}, "precision 'int4': unknown; use one of float32"),
        ({"format": "tflite", "precision": "int16"}, 'use `precision="int16x8"`'),
        ({"format": "onnx", "batch": 0}, "batch 0: must be at least 1; leave `batch` out"),
        ({"format": "tflite", "batch": None}, "a free batch: is not possible in TFLite; leave `batch` out"),
        ({"format": "onnx", "precision": "int16", "calibration_method": "entropy"}, 'use `precision="int8"`'),
    ],
)
def test_options_are_checked_where_they_are_made(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ExportError, match=words):
        ArtifactOptions(**settings)
    with pytest.raises(ExportError, match=words):
        _MoreOptions(**settings)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _MoreOptions(ArtifactOptions):
    more: int = 0

    def __post_init__(self) -> None:
        ArtifactOptions.__post_init__(self)


def test_options_can_be_extended() -> None:
    extended = _MoreOptions(format="onnx", more=3)
    assert dataclasses.replace(extended, batch=None) == _MoreOptions(format="onnx", batch=None, more=3)
    assert _same(pickle.loads(pickle.dumps(extended)), extended)
