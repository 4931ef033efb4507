"""Batches from disk: images are read, decoded and augmented while the model computes, and few are in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.machine import usable_cores
from sqnxt_tf.data.augmentation import Augmentation, InputFormat, generator
from sqnxt_tf.data.batches import ONLY_WORKER, WorkerRank, steps_for
from sqnxt_tf.data.decoding import decode
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.data.randaugment import changed, draw_changes
from sqnxt_tf.data.unreadable import UnreadableImages
from sqnxt_tf.data.unreadable_image import UnreadableImageError
from sqnxt_tf.data.worker_shards import WorkerShard, worker_shard

_AHEAD = 2  # batches that are ready before the model asks for them
_ORDER, _AUGMENT, _CHANGES = 0, 1, 3  # the purposes of random numbers; 2 are the views of images in memory

Shown = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""An image at the input's size, and the changes of `randaugment` that are still to be made."""
Loaded = tuple[NDArray[np.uint8], np.int64, np.bool_, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """The `Batches` of images on disk (see `batches.Batches`).

    An image that cannot be read is left out of its batch and counted in `unreadable`. Every worker reads whole files of
    its own. Images are decoded by pillow and resized by the model's own preprocessing, so that without augmentation
    training sees the same pixels as the device.
    """

    images: EncodedImages
    preprocessing: InputFormat
    augmentation: Augmentation = field(default_factory=Augmentation)
    unreadable: UnreadableImages = field(default_factory=UnreadableImages)

    @property
    def name(self) -> str:
        """The name of the data."""
        return self.images.name

    @property
    def same_for_any_workers(self) -> bool:
        """No: every worker has its own files and its own order."""
        return False

    def __len__(self) -> int:
        return len(self.images)

    def steps_per_epoch(self, batch: int) -> int:
        """Return the number of steps that see every image once."""
        return steps_for(len(self), batch)

    def training(
        self, *, batch: int, seed: int, first_step: int, last_step: int, rank: WorkerRank = ONLY_WORKER
    ) -> Iterator[tuple[Any, Any]]:
        """Yield this worker's part of the batches of steps `first_step` to `last_step` - 1, as tensors.

        Raises:
            SqnxtError: There are more workers than files, or more images than allowed cannot be read.
        """
        shard = worker_shard(self.images, batch, rank)

        @lru_cache(maxsize=2)  # the current epoch and the next one
        def order(epoch: int) -> NDArray[np.int64]:
            return generator(seed, epoch, rank.worker, _ORDER).permutation(shard.indices)

        def pixels(image: Any, epoch: int, index: int) -> Shown:
            changes = draw_changes(1, self.augmentation.operations, generator(seed, epoch, index, _CHANGES))
            random = generator(seed, epoch, index, _AUGMENT)
            return self.augmentation.apply(image, self.preprocessing, random), changes[0]

        return self._batches(shard, range(first_step, last_step), order, pixels, self.augmentation)

    def evaluation(self, *, batch: int, rank: WorkerRank = ONLY_WORKER) -> Iterator[tuple[Any, Any]]:
        """Yield this worker's part of all images, once and in order, as tensors.

        Raises:
            SqnxtError: There are more workers than files, or more images than allowed cannot be read.
        """
        shard = worker_shard(self.images, batch, rank)

        centre = Augmentation()

        def pixels(image: Any, epoch: int, index: int) -> Shown:
            return centre.apply(image, self.preprocessing, generator(0, epoch, index)), np.zeros((0, 2), np.float32)

        return self._batches(shard, range(shard.steps), lambda epoch: shard.indices, pixels, centre)

    def _batches(
        self,
        shard: WorkerShard,
        steps: range,
        order: Callable[[int], NDArray[np.int64]],
        pixels: Callable[[Any, int, int], Shown],
        augmentation: Augmentation,
    ) -> Iterator[tuple[Any, Any]]:
        """Yield batches. Every step has as many slots as the largest; slots without a readable image are left out."""
        nothing = np.zeros((self.preprocessing.height, self.preprocessing.width, self.preprocessing.channels), np.uint8)
        empty: Loaded = (
            nothing, np.int64(0), np.bool_(False), np.zeros((augmentation.operations, 2), np.float32),
        )  # fmt: skip

        def load(position: np.int64) -> Loaded:
            step, slot = divmod(int(position), shard.slots)
            epoch, step = divmod(step, shard.steps)
            place = int(shard.bounds[step]) + slot
            if place >= shard.bounds[step + 1]:
                return empty
            index = int(order(epoch)[place])
            try:
                data, label = self.images.read(index)
                image = decode(data, self.images.sources[index])
                found, changes = pixels(image, epoch, index)
                return np.ascontiguousarray(found), np.int64(label), np.bool_(True), changes
            except UnreadableImageError as error:
                self.unreadable.add(self.images.sources[index], error)
                return empty

        for batch in _dataset(load, steps, shard.slots, self.preprocessing, augmentation):
            self.unreadable.check()
            yield batch
        self.unreadable.check()


def _dataset(
    load: Callable[[np.int64], Loaded], steps: range, slots: int, target: InputFormat, augmentation: Augmentation
) -> Any:
    """Return a `tf.data.Dataset` of batches; `load` is called for every slot, on as many threads as cores."""
    import tensorflow as tf

    shape = (target.height, target.width, target.channels)

    def one(position: Any) -> Any:
        image, label, there, changes = tf.numpy_function(load, [position], [tf.uint8, tf.int64, tf.bool, tf.float32])
        changes = tf.ensure_shape(changes, (augmentation.operations, 2))
        return tf.ensure_shape(image, shape), tf.ensure_shape(label, []), tf.ensure_shape(there, []), changes

    def present(images: Any, labels: Any, there: Any, changes: Any) -> Any:
        loaded = images, labels, changes
        images, labels, changes = tf.cond(
            tf.reduce_all(there), lambda: loaded, lambda: tuple(tf.boolean_mask(part, there) for part in loaded)
        )
        if augmentation.operations:
            images = changed(images, changes, augmentation.strength)
        return normalised(images, target), labels

    dataset = tf.data.Dataset.range(steps.start * slots, steps.stop * slots)
    dataset = dataset.map(one, num_parallel_calls=usable_cores(), deterministic=True).batch(slots)
    return dataset.prefetch(_AHEAD).map(present).prefetch(1)  # bytes wait in a quarter of the memory of floats


def normalised(images: Any, target: InputFormat) -> Any:
    """Return images as the network takes them, `(value - mean) / scale`, float32 [n, height, width, c].

    It is computed for whole rows: for single pixels TensorFlow takes three times as long.
    """
    import tensorflow as tf

    mean, scale = (
        tf.constant(np.tile(np.array(values, np.float32), target.width)) for values in (target.mean, target.scale)
    )
    rows = tf.cast(tf.reshape(images, (-1, target.height, target.width * target.channels)), tf.float32) - mean
    if any(value != 1 for value in target.scale):
        rows /= scale
    return tf.reshape(rows, (-1, target.height, target.width, target.channels))
