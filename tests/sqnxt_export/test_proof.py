"""An artifact is compared on further samples while top-1 is unsure, and records its own accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sqnxt_export import (
    ArtifactOptions,
    ExportError,
    ExportSamples,
    LearntRanges,
    Metadata,
    export_model,
    read_metadata,
)
from sqnxt_export.errors import ParityError
from sqnxt_export.measured_top1 import ALLOWED_DROP, ARTIFACT_TOP1, MeasuredTop1
from sqnxt_export.thresholds import MAX_REL_DIFF

CLASSES = 4


@pytest.fixture(scope="module")
def identity() -> Any:
    """Return a classifier that returns its input."""
    import tf_keras as keras

    model = keras.Sequential([keras.Input((CLASSES,)), keras.layers.Dense(CLASSES, use_bias=False)])
    model.set_weights([np.eye(CLASSES, dtype=np.float32)])
    return model


def logits(count: int, close: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return inputs and their classes; the best two values of the first `close` are too close for 8 bits."""
    labels = np.arange(count) % CLASSES
    labels[:close] = CLASSES - 1  # of equal values, the first counts as the best
    values = np.eye(CLASSES, dtype=np.float32)[labels]
    values[:close, :] = 0.4
    values[np.arange(close), labels[:close]] += 1e-4
    return values, labels


def exported(model: Any, path: Path, samples: ExportSamples, **options: Any) -> Any:
    """Export it as a trained int8 classifier."""
    settings = ArtifactOptions(format=path.suffix[1:], precision="int8", task="classifier", **options)
    calibrated = replace(samples, calibration=logits(256, 0)[0])
    return export_model(model, path, settings, calibrated, metadata=Metadata(), trained=True, source="net.keras")


def batches(counts: list[tuple[int, int]], seen: list[int]) -> Iterator[ExportSamples]:
    for count, close in counts:
        seen.append(count)
        values, labels = logits(count, close)
        yield ExportSamples(parity=values, labels=labels)


@pytest.mark.parametrize(
    ("first", "rest", "read"),
    [
        ((50, 0), [(100, 0)], []),  # all the same: nothing more is needed
        ((50, 1), [(100, 0), (2000, 0), (1000, 0)], [100, 2000]),  # unsure, until it surely is above 99 %
    ],
)
def test_further_samples_are_read_only_while_it_is_unsure(
    identity: Any, tmp_path: Path, first: tuple[int, int], rest: list[tuple[int, int]], read: list[int]
) -> None:
    seen: list[int] = []
    values, labels = logits(*first)
    samples = ExportSamples(parity=values, labels=labels, further=batches(rest, seen), data="four/test")
    result = exported(identity, tmp_path / "a.onnx", samples)
    assert seen == read
    assert result.parity.samples == first[0] + sum(read)
    assert not result.parity.unsure
    assert result.top1.samples == result.parity.samples


def test_an_artifact_that_surely_loses_answers_is_refused_after_further_samples(identity: Any, tmp_path: Path) -> None:
    seen: list[int] = []
    values, labels = logits(50, 1)
    samples = ExportSamples(parity=values, labels=labels, further=batches([(150, 40)], seen))
    with pytest.raises(ParityError, match=r"surely below the 99 % asked.*`allow_drop`"):
        exported(identity, tmp_path / "a.onnx", samples)
    assert seen == [150]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", ["onnx", "tflite"])
def test_the_artifact_records_its_own_accuracy(identity: Any, tmp_path: Path, format: str) -> None:
    values, labels = logits(200, 0)
    labels[:20] = (labels[:20] + 1) % CLASSES  # the model itself is wrong here
    result = exported(identity, tmp_path / f"a.{format}", ExportSamples(parity=values, labels=labels, data="four/test"))
    metadata = read_metadata(tmp_path / f"a.{format}")
    assert metadata is not None
    assert MeasuredTop1.of(metadata.extra) == result.top1
    assert result.top1.top1 == result.top1.model_top1 == 0.9
    assert result.top1.interval[0] < 0.9 < result.top1.interval[1]
    assert (result.top1.samples, result.top1.data) == (200, "four/test")
    assert result.to_json()["top1"]["interval"] == list(result.top1.interval)


def test_an_unsure_artifact_says_so(identity: Any, tmp_path: Path) -> None:
    values, _ = logits(100, 1)
    result = exported(identity, tmp_path / "a.onnx", ExportSamples(parity=values))
    assert result.parity.unsure
    assert any("too wide to tell" in note for note in result.notes)
    assert result.top1 is None  # the samples have no labels


def test_an_allowed_drop_is_written_into_the_artifact(identity: Any, tmp_path: Path) -> None:
    values, labels = logits(200, 20)
    samples = ExportSamples(parity=values, labels=labels)
    with pytest.raises(ParityError, match="surely below the 99 % asked"):
        exported(identity, tmp_path / "a.onnx", samples)
    result = exported(identity, tmp_path / "a.onnx", samples, allow_drop=15)
    metadata = read_metadata(tmp_path / "a.onnx")
    assert metadata is not None
    assert metadata.extra[ALLOWED_DROP] == {"points": 15, "top1_agreement": result.parity.top1_agreement}
    with pytest.raises(ExportError, match="out of range"):
        ArtifactOptions(format="onnx", allow_drop=101)


@pytest.mark.parametrize(
    "entry",
    [None, 3, [], {}, {"top1": 1}, {"top1": 2, "interval": [0, 1], "model_top1": 1, "samples": 3, "data": ""}],
)
def test_a_strange_entry_of_another_program_is_no_accuracy(entry: object) -> None:
    assert MeasuredTop1.of({ARTIFACT_TOP1: entry}) is None


@pytest.mark.parametrize(("gain", "chaotic"), [(1.0, False), (6.0, True)])
def test_a_model_that_enlarges_rounding_is_told_so(gain: float, chaotic: bool, tmp_path: Path) -> None:
    """No runtime can agree with a model that does not agree with itself: the other format is no way out."""
    import tf_keras as keras

    random = np.random.default_rng(0)
    model = keras.Sequential([keras.Input((64,)), *(keras.layers.Dense(64, activation="tanh") for _ in range(20))])
    for layer in model.layers:
        layer.set_weights([random.normal(0, gain / 8, (64, 64)), np.zeros(64)])
    samples, path = random.normal(size=(4, 64)).astype(np.float32), tmp_path / "net.onnx"
    options = ArtifactOptions(format="onnx", precision="float32", task="regressor")
    if chaotic:
        with pytest.raises(ParityError, match=r"nor does the model: its answers move by .* enlarge rounding"):
            export_model(model, path, options, ExportSamples(parity=samples))
        assert not path.exists()
    else:
        assert export_model(model, path, options, ExportSamples(parity=samples)).parity.max_rel_diff < 1e-4


def test_a_model_that_rounds_may_move_by_a_step(identity: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A last bit may turn the rounding that a model has learnt: that says nothing against its artifact."""
    monkeypatch.setattr("sqnxt_export.exporter.own_difference", lambda *_: 1.0)
    monkeypatch.setitem(MAX_REL_DIFF, "int8", -1.0)  # nothing is that equal
    values, _ = logits(8, 0)
    samples = ExportSamples(parity=values, calibration=values)
    learnt = Metadata(extra=LearntRanges(precision="int8", ranges={"input": (0.0, 1.0)}).to_extra())
    options = ArtifactOptions(format="onnx", precision="int8")
    for metadata, told in ((learnt, False), (Metadata(), True)):
        with pytest.raises(ParityError) as refused:
            export_model(identity, tmp_path / "net.onnx", options, samples, metadata=metadata)
        assert ("nor does the model" in str(refused.value)) is told
