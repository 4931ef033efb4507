from __future__ import annotations

from itertools import chain

import numpy as np
import pytest

from sqnxt_tf.data.batches import WorkerRank, even_bounds
from sqnxt_tf.data.pipeline import Arrays, InMemory
from sqnxt_tf.errors import SqnxtError


def arrays(count: int = 10) -> Arrays:
    images = np.random.default_rng(0).random((count, 6, 5, 3)).astype(np.float32)
    return Arrays(images, np.arange(count))


def labels_by_step(
    first: int, last: int, *, seed: int = 0, batch: int = 4, worker: int = 0, workers: int = 1
) -> list[list[int]]:
    dataset = InMemory(arrays=arrays()).training(
        batch=batch, seed=seed, first_step=first, last_step=last, rank=WorkerRank(worker, workers)
    )
    return [np.asarray(labels).tolist() for _, labels in dataset]


def test_every_image_is_seen_once_an_epoch_in_a_new_order() -> None:
    steps = labels_by_step(0, 9)
    assert [len(step) for step in steps] == [3, 3, 4] * 3  # even: no replica goes without
    epochs = [[*a, *b, *c] for a, b, c in zip(*[iter(steps)] * 3, strict=True)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


@pytest.mark.parametrize("first", [1, 3, 4, 8])
def test_a_step_is_a_function_of_seed_and_number(first: int) -> None:
    assert labels_by_step(first, 9) == labels_by_step(0, 9)[first:]
    assert labels_by_step(first, 9, seed=1) != labels_by_step(first, 9)


@pytest.mark.parametrize("workers", [2, 3, 5])
def test_workers_share_the_images_of_each_step(workers: int) -> None:
    parts = [labels_by_step(0, 6, worker=worker, workers=workers) for worker in range(workers)]
    together = [list(chain(*shares)) for shares in zip(*parts, strict=True)]
    assert together == labels_by_step(0, 6)


@pytest.mark.parametrize("workers", [1, 3])
def test_evaluation_sees_all_images_once_in_as_many_batches_for_each_worker(workers: int) -> None:
    parts = [
        [
            labels.tolist()
            for _, labels in InMemory(arrays=arrays()).evaluation(batch=4, rank=WorkerRank(worker, workers))
        ]
        for worker in range(workers)
    ]
    assert {len(part) for part in parts} == {3}
    assert sorted(label for part in parts for labels in part for label in labels) == list(range(10))


def test_shifts_move_the_image_within_its_mirrored_margin() -> None:
    data = arrays()
    pipeline = InMemory(arrays=data, max_shift=2)
    images, labels = (
        np.asarray(part) for part in next(iter(pipeline.training(batch=10, seed=0, first_step=0, last_step=1)))
    )
    moved = 0
    for image, label in zip(images, labels, strict=True):
        padded = np.pad(data.images[label], [(2, 2), (2, 2), (0, 0)], "symmetric")
        places = [(r, c) for r in range(5) for c in range(5) if np.array_equal(image, padded[r : r + 6, c : c + 5])]
        assert len(places) == 1
        moved += places != [(2, 2)]
    assert moved > 5


def test_without_shifts_images_stay_as_they_are() -> None:
    data = arrays()
    dataset = InMemory(arrays=data).training(batch=10, seed=0, first_step=0, last_step=1)
    images, labels = (np.asarray(part) for part in next(iter(dataset)))
    np.testing.assert_array_equal(images, data.images[labels])


def test_even_bounds_leave_no_small_rest() -> None:
    assert even_bounds(10, 3).tolist() == [0, 3, 6, 10]


def test_workers_count_from_zero() -> None:
    with pytest.raises(SqnxtError, match="worker 2: is not one of 2; count workers from 0"):
        WorkerRank(2, 2)
