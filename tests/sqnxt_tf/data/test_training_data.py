from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sqnxt_export import Preprocessing
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.data.streaming import Streamed
from sqnxt_tf.data.training_data import StreamOptions, evaluate_stream, open_streams, open_training_data
from sqnxt_tf.data.unreadable import TooManyUnreadableError
from sqnxt_tf.errors import SqnxtError

INPUT = Preprocessing.imagenet(8)


@pytest.fixture
def folder(tmp_path: Path, make_images: Any) -> Path:
    for split in ("train", "validation", "test"):
        make_images(tmp_path / "data" / split, 4, "abc")
    return tmp_path / "data"


def test_answers_are_counted_as_they_stream(folder: Path) -> None:
    (folder / "test" / "a" / "00.jpg").write_bytes(b"nothing")
    streams = open_streams(DataSource.parse(str(folder)), INPUT)
    always_b = np.float32([0, 1, 0])
    result = evaluate_stream(Path("m"), streams["test"], lambda images: np.tile(always_b, (len(images), 1)), batch=5)
    assert (result.samples, result.data, result.class_names) == (11, f"{folder}/test", ("a", "b", "c"))
    assert result.top1 == pytest.approx(4 / 11)


def test_augmentation_is_for_training_alone(folder: Path) -> None:
    plain, changed = (
        open_streams(DataSource.parse(str(folder)), INPUT, StreamOptions(augmentation=name))["train"]
        for name in ("none", "standard")
    )

    def first(stream: Any, **what: Any) -> Any:
        batches = stream.training(seed=0, first_step=0, last_step=1, **what) if what else stream.evaluation(batch=12)
        return np.asarray(next(iter(batches))[0])

    np.testing.assert_array_equal(first(plain), first(changed))
    assert (first(plain, batch=12) != first(changed, batch=12)).any()


def test_one_limit_holds_while_a_run_goes_on_and_none_when_it_is_judged(folder: Path) -> None:
    for split in ("train", "validation", "test"):
        (folder / split / "a" / "00.jpg").write_bytes(b"nothing")
    streams = open_streams(DataSource.parse(str(folder)), INPUT, StreamOptions(max_unreadable=1))
    assert len(list(streams["train"].training(batch=12, seed=0, first_step=0, last_step=2))) == 2
    with pytest.raises(TooManyUnreadableError, match="2 images cannot be read"):
        list(streams["validation"].evaluation(batch=12))
    assert [len(labels) for _, labels in streams["test"].evaluation(batch=12)] == [11]


def test_an_unknown_augmentation_is_told(folder: Path) -> None:
    with pytest.raises(SqnxtError, match="give one of none, standard"):
        StreamOptions(augmentation="much")


def test_a_part_without_a_readable_image_is_told_before_a_run(folder: Path) -> None:
    streams = open_streams(DataSource.parse(str(folder)), INPUT)
    for path in (folder / "test").rglob("*.jpg"):
        path.write_bytes(b"nothing")
    with pytest.raises(SqnxtError, match="test: none of its images can be read"):
        open_streams(DataSource.parse(str(folder)), INPUT)
    with pytest.raises(SqnxtError, match="test: none of its images can be read"):
        evaluate_stream(Path("m"), streams["test"], lambda images: images)


def test_a_run_streams_folders_and_keeps_digits_in_memory(folder: Path) -> None:
    always_a = SimpleNamespace(
        predict=lambda images, verbose: np.tile(np.float32([1] + [0] * 9), (len(images), 1)),
        predict_on_batch=lambda images: np.tile(np.float32([1, 0, 0]), (len(images), 1)),
    )
    for data, samples, kind in ((str(folder), 12, Streamed), ("digits", 359, Arrays)):
        opened = open_training_data(DataSource.parse(data), INPUT)
        assert isinstance(opened.training, kind)
        assert isinstance(opened.validation, kind)
        result = opened.judge(always_a, Path("m"))
        assert (result.samples, result.class_names) == (samples, opened.class_names)
        assert result.top1 == pytest.approx(1 / len(opened.class_names), abs=0.01)
