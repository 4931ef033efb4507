"""What training asks of data: the batch of any step, for any worker, without the steps before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.errors import SqnxtError


@dataclass(frozen=True, slots=True)
class WorkerRank:
    """Worker `worker` of `workers`: which part of every global batch a process reads."""

    worker: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.worker < self.workers:
            raise SqnxtError("share", f"there is no worker {self.worker} of {self.workers}", "count them from 0")


ONLY_WORKER = WorkerRank()


class Batches(Protocol):
    """Labelled images, batch by batch. One object serves training or evaluation, augmentation included or left out.

    A batch is a pair: images, float32 [b, height, width, 3], preprocessed; labels, int64 [b]; tensors or arrays. `b`
    may differ from step to step and from worker to worker, and may be 0: the loop counts what came, and weighs every
    image of the global batch alike.

    Steps count from 0 over the whole run. Step `s` belongs to epoch `s // steps_per_epoch(batch)`. Over the steps of an
    epoch and over all workers, every image comes exactly once.
    """

    @property
    def name(self) -> str:
        """Where the images come from, for messages."""
        ...

    @property
    def same_for_any_workers(self) -> bool:
        """Whether the workers' parts of a step, together, are the same images however many workers there are."""
        ...

    def __len__(self) -> int:
        """Images an epoch, over all workers."""
        ...

    def steps_per_epoch(self, batch: int) -> int:
        """Steps that see every image once, none of them of more than `batch` images over all workers together."""
        ...

    def training(
        self, *, batch: int, seed: int, first_step: int, last_step: int, rank: WorkerRank = ONLY_WORKER
    ) -> Iterable[tuple[Any, Any]]:
        """This worker's part of the batches of steps `first_step` up to, not including, `last_step`.

        What a step brings, order and augmentation included, is a function of `batch`, `seed`, the step and the share
        alone: a run that begins at any step sees what it would have seen, bit for bit.
        """
        ...

    def evaluation(self, *, batch: int, rank: WorkerRank = ONLY_WORKER) -> Iterable[tuple[Any, Any]]:
        """This worker's part of all images, once, not shuffled and not augmented.

        Every worker gets the same number of batches, so that all of them may do something together after each. Data
        that cannot be shared so are refused when this is called, not when the first batch is asked for.
        """
        ...


def steps_for(images: int, batch: int) -> int:
    """The fewest steps that see `images` images in batches of at most `batch`."""
    return -(-images // batch)


def even_bounds(count: int, parts: int) -> NDArray[np.int64]:
    """Where each of `parts` parts of `count` things begins, and the end; their sizes are no more than one apart."""
    return np.arange(parts + 1, dtype=np.int64) * count // parts
