from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqnxt_export import Preprocessing
from sqnxt_tf.data.augmentation import AUGMENTATIONS, Augmentation, generator
from sqnxt_tf.data.batches import WorkerRank
from sqnxt_tf.data.cached import Cached
from sqnxt_tf.data.crops import draw_views, shown
from sqnxt_tf.data.folders import encoded_folder
from sqnxt_tf.data.streaming import Streamed
from sqnxt_tf.data.unreadable import TooManyUnreadableError, UnreadableImages

INPUT = Preprocessing.imagenet(16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_images: Any) -> Path:
    path: Path = make_images(tmp_path_factory.mktemp("data") / "images", 10, "abc")
    (path / "a" / "03.jpg").write_bytes(b"nothing")
    return path


def cached(folder: Path, *, limit: int = 5, **settings: Any) -> Cached:
    stream = Streamed(
        images=encoded_folder(folder), preprocessing=INPUT, augmentation=AUGMENTATIONS["photos"],
        unreadable=UnreadableImages(limit=limit),
    )  # fmt: skip
    return Cached(stream=stream, **settings)


def numbers(batches: Iterable[tuple[Any, Any]]) -> list[tuple[bytes, list[int]]]:
    return [(np.asarray(images).tobytes(), np.asarray(labels).tolist()) for images, labels in batches]


def test_a_run_begun_at_any_step_sees_what_it_would_have_seen(folder: Path) -> None:
    data = cached(folder)
    whole = numbers(data.training(batch=8, seed=5, first_step=0, last_step=11))
    assert len(whole) == 11
    for first in (1, 4, 9):
        assert numbers(cached(folder).training(batch=8, seed=5, first_step=first, last_step=11)) == whole[first:]
    assert numbers(data.training(batch=8, seed=6, first_step=0, last_step=11)) != whole
    for epoch in (whole[:4], whole[4:8]):  # every readable image once
        assert sorted(label for _, labels in epoch for label in labels) == [0] * 9 + [1] * 10 + [2] * 10


def test_validation_sees_the_pixels_of_streamed_images(folder: Path) -> None:
    data, told = cached(folder), []
    data.progress = lambda task, done, total, **figures: told.append((task, done, total))
    due = np.concatenate([images for images, _ in data.stream.evaluation(batch=8)])
    for _ in range(2):
        found = list(data.evaluation(batch=8))
        np.testing.assert_array_equal(np.concatenate([images for images, _ in found]), due)
    assert [len(labels) for _, labels in found] == [6, 8, 7, 8]
    assert told == [("reading validation images", 0, 30), ("reading validation images", 30, 30)]  # once


def test_images_that_do_not_fit_and_those_of_several_workers_are_streamed(folder: Path) -> None:
    large, pair = cached(folder, most_bytes=1000), cached(folder)
    due = numbers(large.stream.training(batch=8, seed=5, first_step=0, last_step=4))
    assert not large.fits
    assert numbers(large.training(batch=8, seed=5, first_step=0, last_step=4)) == due
    rank = WorkerRank(1, 2)
    due = numbers(pair.stream.evaluation(batch=8, rank=rank))
    assert numbers(pair.evaluation(batch=8, rank=rank)) == due


def test_too_many_unreadable_images_end_the_run(folder: Path) -> None:
    with pytest.raises(TooManyUnreadableError, match=r"a/03\.jpg"):
        cached(folder, limit=0).training(batch=8, seed=5, first_step=0, last_step=1)


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=20), st.floats(0.01, 1), st.floats(0.3, 3), st.integers(0, 99))
def test_crops_lie_in_the_image_and_have_the_sides_of_the_input(
    aspects: list[float], smallest: float, target: float, seed: int
) -> None:
    augmentation = Augmentation(smallest_crop=smallest)
    boxes, directions, colours = draw_views(
        augmentation, np.array(aspects, np.float32), target, generator(seed, 0, 0, 2)
    )
    top, left, bottom, right = boxes.T
    assert (boxes >= -1e-6).all()
    assert (boxes <= 1 + 1e-6).all()
    ratios = (right - left) / (bottom - top) * np.array(aspects) / target
    assert (ratios > 0.74).all()
    assert (ratios < 1.34).all()
    assert (directions == 1).all()
    assert (colours == 1).all()


def test_the_view_of_the_whole_image_is_the_image_and_a_mirrored_one_its_mirror() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 6, 5, 3)).astype(np.uint8)
    boxes = np.array([[0, 0, 1, 1]] * 2, np.float32)
    plain = np.ones((2, 3), np.float32)
    views = np.asarray(shown(pixels, boxes, np.array([1, -1], np.float32), plain, size=(6, 5)))
    np.testing.assert_allclose(views[0], pixels[0], atol=1e-3)
    np.testing.assert_allclose(views[1], pixels[1, :, ::-1], atol=1e-3)
    brighter = np.array([[2, 1, 1], [1, 1, 0]], np.float32)
    views = np.asarray(shown(pixels, boxes, np.array([1, 1], np.float32), brighter, size=(6, 5)))
    np.testing.assert_allclose(views[0], np.minimum(2.0 * pixels[0], 255), atol=1e-2)
    np.testing.assert_allclose(views[1], np.repeat(pixels[1].mean(-1, keepdims=True), 3, -1), atol=1e-2)
