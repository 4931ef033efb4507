"""The tf.data pipeline of data that fit in memory."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Arrays:
    """Preprocessed images, float32 [n, height, width, 3], and their labels, int64 [n]."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def training_dataset(
    arrays: Arrays, *, batch: int, seed: int, first_epoch: int, epochs: int, max_shift: int = 0
) -> Any:
    """Batches of epochs `first_epoch` to `epochs`, as even as can be and of at most `batch` images.

    Even ones, because a last batch of a few images leaves some of many replicas without any, which ends in an error.
    Every image is shifted by up to `max_shift` pixels each way, its edge mirrored into what comes free. Order and
    shifts depend on the seed and the epoch's number alone, so that a resumed run sees what it would have seen.
    """
    import tensorflow as tf

    images, labels = tf.constant(arrays.images), tf.constant(arrays.labels)
    margins = [[max_shift, max_shift], [max_shift, max_shift], [0, 0]]
    size = arrays.images.shape[1:]

    def one_epoch(epoch: Any) -> Any:
        order = tf.random.experimental.stateless_shuffle(tf.range(len(arrays)), seed=[seed, epoch])
        corners = tf.random.stateless_uniform(
            [len(arrays), 2], seed=[~seed, epoch], maxval=2 * max_shift + 1, dtype=tf.int32
        )

        def one_step(start: Any, stop: Any) -> Any:
            one_by_one = tf.data.Dataset.from_tensor_slices((order[start:stop], corners[start:stop]))
            return one_by_one.map(fetch).batch(batch)

        return tf.data.Dataset.from_tensor_slices(_even_bounds(len(arrays), batch)).flat_map(one_step)

    def fetch(index: Any, corner: Any) -> Any:
        image = images[index]
        if max_shift:
            image = tf.slice(tf.pad(image, margins, "SYMMETRIC"), [corner[0], corner[1], 0], size)
        return tf.ensure_shape(image, size), labels[index]

    dataset = tf.data.Dataset.range(first_epoch, epochs, output_type=tf.int32).flat_map(one_epoch)
    return _sharded_by_data(dataset).prefetch(tf.data.AUTOTUNE)


def evaluation_dataset(arrays: Arrays, *, batch: int) -> Any:
    """Even batches in order, once."""
    import tensorflow as tf

    images, labels = tf.constant(arrays.images), tf.constant(arrays.labels)
    bounds = tf.data.Dataset.from_tensor_slices(_even_bounds(len(arrays), batch))
    return _sharded_by_data(bounds.map(lambda start, stop: (images[start:stop], labels[start:stop])))


def _even_bounds(count: int, batch: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Where each of the batches begins and ends: as few as `batch` allows, their sizes no more than one apart."""
    steps = -(-count // batch)
    bounds = (np.arange(steps + 1) * count // steps).astype(np.int32)
    return bounds[:-1], bounds[1:]


def _sharded_by_data(dataset: Any) -> Any:
    import tensorflow as tf

    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.with_options(options)
