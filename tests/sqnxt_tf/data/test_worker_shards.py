from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqnxt_tf.data.batches import WorkerRank
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.data.worker_shards import worker_shard, workers_of_files
from sqnxt_tf.errors import SqnxtError


def images(sizes: list[int]) -> EncodedImages:
    files = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    return EncodedImages(
        name="data", class_names=("a",), sources=[str(file) for file in files], files=files, read=lambda _: (b"", 0)
    )


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(1, 6), st.integers(1, 50))
def test_uneven_files_are_seen_once_by_all_workers_together(sizes: list[int], workers: int, batch: int) -> None:
    workers = min(workers, len(sizes))
    data = images(sizes)
    parts = [worker_shard(data, batch, WorkerRank(worker, workers)) for worker in range(workers)]
    assert {part.steps for part in parts} == {-(-len(data) // batch)}
    assert sorted(np.concatenate([part.indices for part in parts])) == list(range(len(data)))
    for part in parts:
        assert part.bounds[0] == 0
        assert part.bounds[-1] == len(part.indices)
        assert (np.diff(part.bounds) >= 0).all()
    global_sizes = np.sum([np.diff(part.bounds) for part in parts], axis=0)
    assert global_sizes.max() <= batch
    assert global_sizes.max() - global_sizes.min() <= 1


@given(st.lists(st.integers(1, 40), min_size=2, max_size=12), st.integers(2, 4))
def test_a_file_is_read_by_one_worker(sizes: list[int], workers: int) -> None:
    workers = min(workers, len(sizes))
    data = images(sizes)
    seen = [set(data.files[worker_shard(data, 8, WorkerRank(worker, workers)).indices]) for worker in range(workers)]
    assert sum(map(len, seen)) == len(set.union(*seen)) == len(sizes)


def test_a_step_takes_from_every_worker_what_it_has() -> None:
    data = images([30, 10, 40])  # one worker has 40, the other 30 + 10
    for worker in range(2):
        assert set(np.diff(worker_shard(data, 16, WorkerRank(worker, 2)).bounds)) == {8}


def test_the_largest_files_go_to_whoever_has_least() -> None:
    sizes = np.array([5, 9, 4, 6])
    owners = workers_of_files(sizes, 2)
    assert [int(sizes[owners == worker].sum()) for worker in range(2)] == [13, 11]


def test_more_workers_than_files_are_refused() -> None:
    with pytest.raises(SqnxtError, match="has 2 files for 3 workers; pack it into more shards"):
        worker_shard(images([4, 4]), 4, WorkerRank(0, 3))
