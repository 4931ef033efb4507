"""The interface between data and training: the batch of any step, for any worker, without the steps before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.errors import SqnxtError


@dataclass(frozen=True, slots=True)
class WorkerRank:
    """The position of a process among the workers of a run, which determines its part of every global batch.

    `worker` counts from 0 to `workers` - 1.
    """

    worker: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.worker < self.workers:
            raise SqnxtError(
                f"worker {self.worker}", f"is not one of {self.workers}", "count workers from 0 to their number less 1"
            )


ONLY_WORKER = WorkerRank()


class Batches(Protocol):
    """Labelled images, batch by batch, for training (augmented) and for evaluation.

    A batch is a pair of tensors or arrays: preprocessed images, float32 [b, height, width, 3], and labels, int64 [b].
    `b` may differ between steps and between workers, and may be 0: the training loop counts the images, and gives every
    image of the global batch the same weight.

    Steps count from 0 over the whole run. Step `s` belongs to epoch `s // steps_per_epoch(batch)`. Over the steps of an
    epoch and all workers together, every image comes exactly once.
    """

    @property
    def name(self) -> str:
        """The name of the data, for messages."""
        ...

    @property
    def same_for_any_workers(self) -> bool:
        """Whether a step consists of the same images for any number of workers."""
        ...

    def __len__(self) -> int:
        """Return the images of an epoch, over all workers."""
        ...

    def steps_per_epoch(self, batch: int) -> int:
        """Return the steps of an epoch: none has more than `batch` images over all workers together."""
        ...

    def training(
        self, *, batch: int, seed: int, first_step: int, last_step: int, rank: WorkerRank = ONLY_WORKER
    ) -> Iterable[tuple[Any, Any]]:
        """Return this worker's part of the batches of steps `first_step` to `last_step` - 1.

        The batch of a step, order and augmentation included, depends on `batch`, `seed`, the step and the rank alone: a
        run that is resumed at any step sees the same images as an uninterrupted one, bit for bit.
        """
        ...

    def evaluation(self, *, batch: int, rank: WorkerRank = ONLY_WORKER) -> Iterable[tuple[Any, Any]]:
        """Return this worker's part of all images, once, not shuffled and not augmented.

        Every worker gets the same number of batches, so that all workers can act together after each batch. Data that
        cannot be divided like this are refused when this is called, not when the first batch is read.
        """
        ...


def steps_for(images: int, batch: int) -> int:
    """Return the fewest steps that see `images` images in batches of at most `batch`."""
    return -(-images // batch)


def even_bounds(count: int, parts: int) -> NDArray[np.int64]:
    """Divide `count` things into `parts` ranges whose sizes differ by at most 1, and return their bounds.

    Example: `even_bounds(10, 4)` is [0, 2, 5, 7, 10].
    """
    return np.arange(parts + 1, dtype=np.int64) * count // parts
