"""Who reads what: files among workers, and each worker's images among the steps of an epoch."""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import SqnxtError
from .batches import Share, even_bounds, steps_for
from .encoded import EncodedImages


@dataclass(frozen=True, slots=True)
class Portion:
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


def portion(images: EncodedImages, batch: int, share: Share) -> Portion:
    """What one worker reads: whole files, its steps as even as the global batch allows.

    All workers together read every image once, a step's global batch is at most `batch`, and global batches are no more
    than one apart, however uneven the files are.

    Raises:
        SqnxtError: there are more workers than files.
    """
    sizes = np.bincount(images.files)
    if share.workers > np.count_nonzero(sizes):
        raise SqnxtError(
            f"{images.name}: has {np.count_nonzero(sizes)} files for {share.workers} workers; pack it into more shards"
        )
    owners = workers_of_files(sizes, share.workers)[images.files]
    mine = np.flatnonzero(owners == share.worker)
    steps = steps_for(len(images), batch)
    return Portion(mine, _bounds(np.bincount(owners, minlength=share.workers), share.worker, steps))


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
