from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.broken_images import write_broken_folder
from sqnxt_export import Preprocessing
from sqnxt_tf.data.augmentation import AUGMENTATIONS, Augmentation
from sqnxt_tf.data.batches import WorkerRank
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.folders import encoded_folder
from sqnxt_tf.data.streaming import Streamed
from sqnxt_tf.data.unreadable import TooManyUnreadableError, UnreadableImages
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.workflows.data_check import check_data
from sqnxt_tf.workflows.data_pack import pack

INPUT = Preprocessing.imagenet(16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_images: Any) -> Path:
    return make_images(tmp_path_factory.mktemp("data") / "images", 10, "abc")  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def shards(folder: Path) -> Path:
    return pack(folder, folder.parent / "packed", shards=3).path


def stream(folder: Path, **settings: Any) -> Streamed:
    return Streamed(images=encoded_folder(folder), preprocessing=INPUT, **settings)


def numbers(batches: Iterable[tuple[Any, Any]]) -> list[tuple[bytes, list[int]]]:
    return [(np.asarray(images).tobytes(), np.asarray(labels).tolist()) for images, labels in batches]


def pictures(batches: Iterable[tuple[Any, Any]]) -> list[bytes]:
    """Every image of some batches as bytes, sorted."""
    return sorted(image.tobytes() for images, _ in batches for image in np.asarray(images))


@pytest.mark.parametrize("augmentation", ["none", "standard"])
@pytest.mark.parametrize("rank", [WorkerRank(), WorkerRank(1, 2)])
def test_a_run_begun_at_any_step_sees_what_it_would_have_seen(
    folder: Path, augmentation: str, rank: WorkerRank
) -> None:
    data = stream(folder, augmentation=AUGMENTATIONS[augmentation])
    whole = numbers(data.training(batch=8, seed=5, first_step=0, last_step=11, rank=rank))
    assert len(whole) == 11
    for first in (1, 4, 9):
        assert numbers(data.training(batch=8, seed=5, first_step=first, last_step=11, rank=rank)) == whole[first:]
    assert numbers(data.training(batch=8, seed=6, first_step=0, last_step=11, rank=rank)) != whole


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_every_image_comes_once_an_epoch_over_all_workers(folder: Path, workers: int) -> None:
    data = stream(folder)
    due = pictures(data.evaluation(batch=30))
    assert len(set(due)) == 30
    steps = data.steps_per_epoch(7)
    orders = []
    for epoch in range(2):
        parts = [
            list(
                data.training(
                    batch=7,
                    seed=1,
                    first_step=epoch * steps,
                    last_step=(epoch + 1) * steps,
                    rank=WorkerRank(w, workers),
                )
            )
            for w in range(workers)
        ]
        assert pictures(batch for part in parts for batch in part) == due
        assert max(sum(len(part[step][1]) for part in parts) for step in range(steps)) <= 7
        orders.append([np.asarray(labels).tolist() for part in parts for _, labels in part])
    assert orders[0] != orders[1]
    evaluated = [list(data.evaluation(batch=7, rank=WorkerRank(w, workers))) for w in range(workers)]
    assert pictures(batch for part in evaluated for batch in part) == due
    assert {len(part) for part in evaluated} == {steps}


def test_what_comes_is_what_the_device_would_see(folder: Path) -> None:
    data = stream(folder)
    images = data.images.as_image_set()
    batches = list(data.evaluation(batch=8))
    np.testing.assert_array_equal(np.concatenate([pixels for pixels, _ in batches]), INPUT.apply(images.batch(0, 30)))
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), images.labels)
    plain = Streamed(images=data.images, preprocessing=Preprocessing.plain(8, 9))
    np.testing.assert_allclose(
        next(iter(plain.evaluation(batch=30)))[0], plain.preprocessing.apply(images.batch(0, 30)), atol=1e-6
    )


def test_packed_images_are_the_same_pixels(folder: Path, shards: Path) -> None:
    packed = Streamed(images=DataSource.parse(str(shards)).encoded_part("train"), preprocessing=INPUT)
    assert pictures(packed.evaluation(batch=30)) == pictures(stream(folder).evaluation(batch=30))


@pytest.mark.parametrize("workers", [1, 2])
def test_shards_are_streamed_from_any_step(shards: Path, workers: int) -> None:
    data = Streamed(
        images=DataSource.parse(str(shards)).encoded_part("train"),
        preprocessing=INPUT,
        augmentation=Augmentation(flip=True, max_shift=2),
    )
    rank = WorkerRank(workers - 1, workers)
    whole = numbers(data.training(batch=8, seed=5, first_step=0, last_step=9, rank=rank))
    assert numbers(data.training(batch=8, seed=5, first_step=6, last_step=9, rank=rank)) == whole[6:]


def broken(folder: Path, make_images: Any, count: int) -> Path:
    make_images(folder, 6)
    for index in range(count):
        path = folder / "a" / f"{index:02d}.jpg"
        path.write_bytes(path.read_bytes()[:300] if index % 2 else b"no image")
    return folder


def test_unreadable_images_are_left_out_and_named_once(
    tmp_path: Path, make_images: Any, caplog: pytest.LogCaptureFixture
) -> None:
    data = stream(broken(tmp_path / "images", make_images, 2))
    with caplog.at_level(logging.WARNING, "sqnxt_tf.data"):
        sizes = [len(labels) for _, labels in data.training(batch=4, seed=0, first_step=0, last_step=6)]
    assert len(sizes) == 6
    assert sum(sizes) == 2 * 10
    assert sorted(Path(source).name for source in data.unreadable.found) == ["00.jpg", "01.jpg"]
    assert len(caplog.messages) == 2
    assert any("00.jpg: cannot be read as an image (no image of a known format)" in line for line in caplog.messages)


def test_past_a_limit_the_run_ends_with_the_list(tmp_path: Path, make_images: Any) -> None:
    data = stream(broken(tmp_path / "images", make_images, 3), unreadable=UnreadableImages(limit=2))
    with pytest.raises(TooManyUnreadableError, match=r"3 images cannot be read, and 2 may .*00\.jpg.*01\.jpg.*02\.jpg"):
        list(data.training(batch=4, seed=0, first_step=0, last_step=3))


def test_a_batch_may_be_empty(tmp_path: Path, make_images: Any) -> None:
    data = stream(broken(tmp_path / "images", make_images, 6))
    shapes = [images.shape.as_list() for images, _ in data.evaluation(batch=3)]
    assert shapes == [[0, 16, 16, 3]] * 2 + [[3, 16, 16, 3]] * 2


def test_more_workers_than_files_are_refused_at_once(shards: Path) -> None:
    data = Streamed(images=DataSource.parse(str(shards)).encoded_part("train"), preprocessing=INPUT)
    with pytest.raises(SqnxtError, match="has 3 files for 4 workers"):
        data.training(batch=8, seed=0, first_step=0, last_step=1, rank=WorkerRank(0, 4))
    with pytest.raises(SqnxtError, match="has 3 files for 4 workers"):
        data.evaluation(batch=8, rank=WorkerRank(0, 4))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")
def test_training_leaves_out_what_the_check_calls_unreadable(tmp_path: Path) -> None:
    broken_folder = write_broken_folder(tmp_path / "images", "ab")
    training = stream(broken_folder)
    seen = sum(len(labels) for _, labels in training.evaluation(batch=16))
    findings = check_data(broken_folder).findings
    broken = {finding.source for finding in findings if finding.kind in ("unreadable", "truncated")}
    assert set(training.unreadable.found) == broken
    assert seen == len(training.images) - len(broken)
