"""Batches of data that fit in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.batches import ONLY_WORKER, WorkerRank, even_bounds, steps_for


@dataclass(frozen=True, slots=True)
class Arrays:
    """Preprocessed images, float32 [n, height, width, 3], and their labels, int64 [n].

    `left_out` names the images that could not be read.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class InMemory:
    """The `Batches` of arrays (see `batches.Batches`).

    In training every image is shifted at random by up to `max_shift` pixels in each direction, and its edge is mirrored
    into the gap. The sizes of an epoch's batches differ by at most 1, so that none has only a few images.
    """

    arrays: Arrays
    max_shift: int = 0
    name: str = "memory"

    @property
    def same_for_any_workers(self) -> bool:
        """Yes: the workers divide the images of each step."""
        return True

    def __len__(self) -> int:
        return len(self.arrays)

    def steps_per_epoch(self, batch: int) -> int:
        """Return the number of steps that see every image once."""
        return steps_for(len(self), batch)

    def training(
        self, *, batch: int, seed: int, first_step: int, last_step: int, rank: WorkerRank = ONLY_WORKER
    ) -> Iterable[tuple[Any, Any]]:
        """Return a `tf.data.Dataset` of this worker's batches; a step has the same images for any number of workers."""
        import tensorflow as tf

        count, steps = len(self), self.steps_per_epoch(batch)
        images, labels = tf.constant(self.arrays.images), tf.constant(self.arrays.labels)

        def one_step(step: Any) -> Any:
            epoch, place = step // steps, step % steps
            order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=[seed, epoch])
            start, stop = place * count // steps, (place + 1) * count // steps
            first, last = (start + (stop - start) * part // rank.workers for part in (rank.worker, rank.worker + 1))
            chosen = order[first:last]
            return self._shifted(tf.gather(images, chosen), chosen, [~seed, epoch]), tf.gather(labels, chosen)

        dataset = tf.data.Dataset.range(first_step, last_step)
        return _iterable(dataset.map(one_step, tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE))

    def evaluation(self, *, batch: int, rank: WorkerRank = ONLY_WORKER) -> Iterable[tuple[Any, Any]]:
        """Yield even batches in order, as NumPy arrays."""
        for start, stop in _pairs(even_bounds(len(self), self.steps_per_epoch(batch))):
            parts = start + even_bounds(stop - start, rank.workers)
            part = slice(parts[rank.worker], parts[rank.worker + 1])
            yield self.arrays.images[part], self.arrays.labels[part]

    def _shifted(self, images: Any, chosen: Any, seed: Any) -> Any:
        """Cut each image from its mirrored surroundings, at a place that its index and the seed determine."""
        if not self.max_shift:
            return images
        import tensorflow as tf

        margin = [self.max_shift, self.max_shift]
        padded = tf.pad(images, [[0, 0], margin, margin, [0, 0]], "SYMMETRIC")
        corners = tf.random.stateless_uniform([len(self), 2], seed, maxval=2 * self.max_shift + 1, dtype=tf.int32)
        height, width = self.arrays.images.shape[1:3]
        rows, columns = (
            tf.gather(corners[:, axis], chosen)[:, None] + tf.range(extent)[None]
            for axis, extent in enumerate((height, width))
        )
        return tf.gather(tf.gather(padded, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)


def _pairs(bounds: NDArray[np.int64]) -> Iterable[tuple[int, int]]:
    return zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)


def _iterable(dataset: Any) -> Iterable[tuple[Any, Any]]:
    """Give a dataset a type, because `tf.data` has none."""
    result: Iterable[tuple[Any, Any]] = dataset
    return result
