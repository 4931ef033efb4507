"""Divide files between workers, and each worker's images between the steps of an epoch."""

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
    """The images of one worker: `indices`, int64 [n]; step s reads `indices[bounds[s]:bounds[s + 1]]`."""

    indices: NDArray[np.int64]
    bounds: NDArray[np.int64]

    @property
    def steps(self) -> int:
        """Steps of an epoch; every worker has the same number."""
        return len(self.bounds) - 1

    @property
    def slots(self) -> int:
        """Number of images of the largest step, at least 1."""
        return max(1, int(np.diff(self.bounds).max()))


def worker_shard(images: EncodedImages, batch: int, rank: WorkerRank) -> WorkerShard:
    """Return the shard of one worker: whole files, divided into steps as evenly as the global batch allows.

    All workers together read every image once. The global batch of a step is at most `batch`, and the sizes of global
    batches differ by at most 1, however uneven the files are.

    Raises:
        SqnxtError: There are more workers than files.
    """
    sizes = np.bincount(images.files)
    if rank.workers > np.count_nonzero(sizes):
        raise SqnxtError(
            images.name, f"has {np.count_nonzero(sizes)} files for {rank.workers} workers", "pack it into more shards"
        )
    owners = workers_of_files(sizes, rank.workers)[images.files]
    indices = np.flatnonzero(owners == rank.worker)
    steps = steps_for(len(images), batch)
    return WorkerShard(indices, _bounds(np.bincount(owners, minlength=rank.workers), rank.worker, steps))


def workers_of_files(sizes: NDArray[np.int64], workers: int) -> NDArray[np.int64]:
    """Assign each file to a worker: in turn if all sizes are equal, else the largest first to the least loaded worker.

    Example: files of 5, 1 and 3 images and two workers give [0, 1, 1].
    """
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
    """Return the bounds of one worker's steps.

    The images of all workers are placed on one line, those of each worker at even distances, and the line is cut into
    even steps. Example: counts of 2 and 4 place workers as 1 0 1 1 0 1; in 3 steps worker 0 has
    bounds [0, 1, 1, 2].
    """
    places = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])
    line = np.repeat(np.arange(len(counts)), counts)[np.argsort(places, kind="stable")]
    return np.searchsorted(np.flatnonzero(line == worker), even_bounds(len(line), steps)).astype(np.int64)
