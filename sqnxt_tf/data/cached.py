"""Batches of photographs that are decoded once, and are kept in memory at a size a little above the input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.machine import memory_bytes, usable_cores
from sqnxt_tf.data.augmentation import generator
from sqnxt_tf.data.batches import ONLY_WORKER, WorkerRank, even_bounds, steps_for
from sqnxt_tf.data.crops import draw_views, shown
from sqnxt_tf.data.decoding import decode
from sqnxt_tf.data.randaugment import changed, draw_changes
from sqnxt_tf.data.streaming import Streamed, normalised
from sqnxt_tf.data.unreadable_image import UnreadableImageError
from sqnxt_tf.progress import Progress, silent

_MARGIN = 1.25  # side of a copy over side of the input: most crops are then made smaller, few larger
_PART_OF_MEMORY = 4  # the copies of one part of the data may take a quarter
_WITHOUT_A_FIGURE = 1 << 32  # bytes, where the system does not tell its memory
_ORDER, _VIEWS = 0, 2  # the purposes of random numbers; 1 is the augmentation of streamed images
_AT_ONCE = 64  # images that are handed to the threads at a time


@dataclass(frozen=True, slots=True)
class Copies:
    """Decoded images at one size: `pixels`, uint8 [n, height, width, c], `labels` and `readable`, [n].

    `aspects`, float32 [n], are width over height of the images before they were stretched to that size.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    aspects: NDArray[np.float32]
    readable: NDArray[np.bool_]


def cache_limit() -> int:
    """Return the most bytes that the copies of one part may take: a quarter of the machine's memory."""
    return (memory_bytes() or _WITHOUT_A_FIGURE) // _PART_OF_MEMORY


@dataclass(slots=True, kw_only=True)
class Cached:
    """The `Batches` of a stream whose images are kept in memory, where they fit (see `batches.Batches`).

    One worker reads them from memory; several workers, or images that do not fit, are streamed with the same
    augmentation. Whether they fit depends on the machine alone, so that a resumed run sees the same pixels.

    Attributes:
        stream: The images on disk.
        progress: Called while the images are decoded.
        most_bytes: The most that the copies may take.
    """

    stream: Streamed
    progress: Progress = silent
    most_bytes: int = field(default_factory=cache_limit)
    _copies: dict[str, Copies] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the data."""
        return self.stream.name

    @property
    def same_for_any_workers(self) -> bool:
        """No: several workers stream files of their own."""
        return False

    @property
    def copy_size(self) -> tuple[int, int]:
        """Height and width of the copies in memory."""
        target = self.stream.preprocessing
        return round(_MARGIN * target.height), round(_MARGIN * target.width)

    @property
    def bytes(self) -> int:
        """Size of the copies in memory."""
        height, width = self.copy_size
        return len(self) * height * width * self.stream.preprocessing.channels

    @property
    def fits(self) -> bool:
        """Whether the copies are kept in memory."""
        return self.bytes <= self.most_bytes

    def __len__(self) -> int:
        return len(self.stream)

    def steps_per_epoch(self, batch: int) -> int:
        """Return the number of steps that see every image once."""
        return steps_for(len(self), batch)

    def training(
        self, *, batch: int, seed: int, first_step: int, last_step: int, rank: WorkerRank = ONLY_WORKER
    ) -> Iterable[tuple[Any, Any]]:
        """Return this worker's part of the batches of steps `first_step` to `last_step` - 1, as tensors.

        Raises:
            SqnxtError: There are more workers than files, or more images than allowed cannot be read.
        """
        if rank.workers > 1 or not self.fits:
            return self.stream.training(batch=batch, seed=seed, first_step=first_step, last_step=last_step, rank=rank)
        batches: Iterable[tuple[Any, Any]] = self._from_memory(
            self._stretched(), batch, seed, range(first_step, last_step)
        )
        return batches

    def evaluation(self, *, batch: int, rank: WorkerRank = ONLY_WORKER) -> Iterable[tuple[Any, Any]]:
        """Return this worker's part of all images, once and in order, with the same pixels as streamed ones.

        Raises:
            SqnxtError: There are more workers than files, or more images than allowed cannot be read.
        """
        if rank.workers > 1 or not self.fits:
            return self.stream.evaluation(batch=batch, rank=rank)
        return self._in_order(batch)

    def _in_order(self, batch: int) -> Iterator[tuple[Any, Any]]:
        target = self.stream.preprocessing
        copies = self._kept("validation", target.pixels, (target.height, target.width))
        bounds = even_bounds(len(self), self.steps_per_epoch(batch)).tolist()
        for start, stop in pairwise(bounds):
            there = copies.readable[start:stop]
            yield normalised(copies.pixels[start:stop][there], target), copies.labels[start:stop][there]

    def _from_memory(self, copies: Copies, batch: int, seed: int, steps_of_run: range) -> Any:
        import tensorflow as tf

        steps, augmentation = self.steps_per_epoch(batch), self.stream.augmentation
        bounds = even_bounds(len(self), steps)

        @lru_cache(maxsize=2)  # the current epoch and the next one
        def order(epoch: int) -> NDArray[np.int64]:
            return generator(seed, epoch, 0, _ORDER).permutation(len(self))

        def load(step: np.int64) -> tuple[NDArray[Any], ...]:
            epoch, place = divmod(int(step), steps)
            chosen = order(epoch)[bounds[place] : bounds[place + 1]]
            chosen = chosen[copies.readable[chosen]]
            random = generator(seed, epoch, place, _VIEWS)
            views = draw_views(augmentation, copies.aspects[chosen], self._aspect, random)
            changes = draw_changes(len(chosen), augmentation.operations, random)
            return copies.pixels[chosen], copies.labels[chosen], changes, *views

        def batch_of(step: Any) -> Any:
            kinds = [tf.uint8, tf.int64, tf.float32, tf.float32, tf.float32, tf.float32]
            pixels, labels, changes, *views = tf.numpy_function(load, [step], kinds)
            target = self.stream.preprocessing
            pixels = tf.ensure_shape(pixels, (None, *self.copy_size, target.channels))
            images = shown(pixels, *views, size=(target.height, target.width))
            if augmentation.operations:
                images = tf.ensure_shape(images, (None, target.height, target.width, target.channels))
                changes = tf.ensure_shape(changes, (None, augmentation.operations, 2))
                images = changed(images, changes, augmentation.strength)
            return normalised(images, target), tf.ensure_shape(labels, [None])

        dataset = tf.data.Dataset.range(steps_of_run.start, steps_of_run.stop)
        return dataset.map(batch_of, num_parallel_calls=usable_cores(), deterministic=True).prefetch(2)

    @property
    def _aspect(self) -> float:
        return self.stream.preprocessing.width / self.stream.preprocessing.height

    def _stretched(self) -> Copies:
        """Return the whole photographs, each stretched to the size of the copies."""
        from PIL import Image

        height, width = self.copy_size
        grey = self.stream.preprocessing.channels == 1

        def stretch(image: Any) -> NDArray[np.uint8]:
            image = image.convert("L") if grey else image
            pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.uint8)
            return pixels[..., None] if grey else pixels

        return self._kept("training", stretch, (height, width))

    def _kept(self, purpose: str, fit: Callable[[Any], NDArray[np.uint8]], size: tuple[int, int]) -> Copies:
        """Return the copies for a purpose; they are made once."""
        if purpose not in self._copies:
            self._copies[purpose] = self._decoded(f"reading {purpose} images", fit, size)
        self.stream.unreadable.check()
        return self._copies[purpose]

    def _decoded(self, task: str, fit: Callable[[Any], NDArray[np.uint8]], size: tuple[int, int]) -> Copies:
        images, count = self.stream.images, len(self)
        copies = Copies(
            np.zeros((count, *size, self.stream.preprocessing.channels), np.uint8), np.zeros(count, np.int64),
            np.ones(count, np.float32), np.zeros(count, np.bool_),
        )  # fmt: skip

        def fill(index: int) -> None:
            try:
                data, label = images.read(index)
                image = decode(data, images.sources[index])
            except UnreadableImageError as error:
                self.stream.unreadable.add(images.sources[index], error)
                return
            copies.pixels[index], copies.labels[index] = fit(image), label
            copies.aspects[index], copies.readable[index] = image.width / image.height, True

        self.progress(task, 0, count)
        with ThreadPoolExecutor(usable_cores()) as pool:
            for start in range(0, count, _AT_ONCE):
                stop = min(start + _AT_ONCE, count)
                list(pool.map(fill, range(start, stop)))
                self.progress(task, stop, count)
        return copies
