"""Who reads what: files among workers, and each worker's images among the steps of an epoch."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.batches import WorkerRank, even_bounds, steps_for
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.errors import SqnxtError


@dataclass(frozen=True, slots=True)
class WorkerShard:
    """One worker's images, int64 [n], and where those of each step begin among them, int64 [steps + 1]."""

    indices: NDArray[np.int64]
    bounds: NDArray[np.int64]

    @property
    def steps(self) -> int:
        """Steps an epoch; the same for every worker."""
        return len(self.bounds) - 1

    @property
    def slots(self) -> int:
        """Images of the largest step, at least 1."""
        return max(1, int(np.diff(self.bounds).max()))


def worker_shard(images: EncodedImages, batch: int, rank: WorkerRank) -> WorkerShard:
    """What one worker reads: whole files, its steps as even as the global batch allows.

    All workers together read every image once, a step's global batch is at most `batch`, and global batches are no more
    than one apart, however uneven the files are.

    Raises:
        SqnxtError: There are more workers than files.
    """
    sizes = np.bincount(images.files)
    if rank.workers > np.count_nonzero(sizes):
        raise SqnxtError(
            images.name, f"has {np.count_nonzero(sizes)} files for {rank.workers} workers", "pack it into more shards"
        )
    owners = workers_of_files(sizes, rank.workers)[images.files]
    mine = np.flatnonzero(owners == rank.worker)
    steps = steps_for(len(images), batch)
    return WorkerShard(mine, _bounds(np.bincount(owners, minlength=rank.workers), rank.worker, steps))


def workers_of_files(sizes: NDArray[np.int64], workers: int) -> NDArray[np.int64]:
    """The worker of each file: in turn where files are alike, else the largest first to whoever has the least."""
    if sizes.min() == sizes.max():
        return np.arange(len(sizes), dtype=np.int64) % workers
    owners = np.zeros(len(sizes), np.int64)
    loads = [(0, worker) for worker in range(workers)]
    for file in np.argsort(-sizes, kind="stable"):
        load, worker = heapq.heappop(loads)
        owners[file] = worker
        heapq.heappush(loads, (load + int(sizes[file]), worker))
    return owners


def _bounds(counts: NDArray[np.int64], worker: int, steps: int) -> NDArray[np.int64]:
    """All workers' images stand in one line, each worker's at even distances; the line is cut into even steps."""
    places = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])
    line = np.repeat(np.arange(len(counts)), counts)[np.argsort(places, kind="stable")]
    return np.searchsorted(np.flatnonzero(line == worker), even_bounds(len(line), steps)).astype(np.int64)
