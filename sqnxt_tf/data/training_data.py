"""Data as a training run sees them: three parts, one list of what cannot be read, and answers to count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sqnxt_tf.accuracy import Evaluation, count_answers
from sqnxt_tf.data.arrays import to_arrays
from sqnxt_tf.data.augmentation import AUGMENTATIONS, Input
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.decoding import UnreadableImageError, decode
from sqnxt_tf.data.digits import Split, digits
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.data.images import ImageSet
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.data.streaming import Streamed
from sqnxt_tf.data.unreadable import LIMIT, UnreadableImages
from sqnxt_tf.errors import SqnxtError

_BATCH = 32  # images that a model answers at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """What a run trains on, validates on and is judged by in the end: digits in memory, all else streamed from disk."""

    name: str
    training: Streamed | Arrays
    validation: Streamed | Arrays
    test: Streamed | ImageSet
    class_names: tuple[str, ...]
    preprocessing: Input

    @property
    def unreadable(self) -> tuple[str, ...]:
        """What this process met and could not read."""
        parts = (self.training, self.validation, self.test)
        return tuple(sorted({name for part in parts if isinstance(part, Streamed) for name in part.faults.found}))

    def judge(self, model: Any, path: Path) -> Evaluation:
        """The answers of a Keras model that will be saved as `path` to the test part."""
        if isinstance(self.test, Streamed):
            return evaluate_stream(path, self.test, model.predict_on_batch)
        pixels = to_arrays(self.test, self.preprocessing).images
        return count_answers(path, self.test, model.predict(pixels, verbose=0))


def open_training_data(data: DataSource, preprocessing: Input, **streaming: Any) -> TrainingData:
    """The parts of `digits`, or what `open_streams` opens; `streaming` are its options.

    Raises:
        SqnxtError: See `open_streams`.
    """
    if data.is_digits:
        training, validation = (to_arrays(digits(split), preprocessing) for split in ("train", "validation"))
        test = digits("test")
        return TrainingData(
            name=data.name, training=training, validation=validation, test=test, class_names=test.class_names,
            preprocessing=preprocessing,
        )  # fmt: skip
    streams = open_streams(data, preprocessing, **streaming)
    return TrainingData(
        name=data.name,
        training=streams["train"],
        validation=streams["validation"],
        test=streams["test"],
        class_names=streams["train"].images.class_names,
        preprocessing=preprocessing,
    )


def open_streams(
    data: DataSource,
    preprocessing: Input,
    *,
    augmentation: str = "none",
    max_shift: int = 0,
    max_unreadable: int = LIMIT,
    parts: Mapping[Split, EncodedImages] | None = None,
) -> dict[Split, Streamed]:
    """The parts of a folder of images, of TFRecords, or of `tfds:NAME`, none of them in memory.

    The test part has no limit: it is looked at when all the work is done.

    Args:
        data: The name of the data.
        preprocessing: The model's.
        augmentation: Of the training part: `none`, as in the paper, or `standard`.
        max_shift: Pixels, in addition.
        max_unreadable: How many images to train on and to validate on may be left out.
        parts: The data where somebody has listed them already.

    Raises:
        SqnxtError: Data that are not there or not divided, a part without a readable image, or an augmentation that is
            not known.
    """
    if augmentation not in AUGMENTATIONS:
        raise SqnxtError(f"augmentation {augmentation!r}", "is not known", f"give one of {', '.join(AUGMENTATIONS)}")
    chosen = replace(AUGMENTATIONS[augmentation], max_shift=max_shift)
    parts, faults = parts or data.encoded_parts(), UnreadableImages(limit=max_unreadable)
    for images in parts.values():
        _check_readable(images)
    return {
        split: Streamed(
            images=images,
            preprocessing=preprocessing,
            augmentation=chosen,
            faults=UnreadableImages(limit=len(images)) if split == "test" else faults,
        )
        for split, images in parts.items()
    }


def evaluate_stream(path: Path, stream: Streamed, answer: Callable[[Any], Any], *, batch: int = _BATCH) -> Evaluation:
    """Show every readable image to `answer`, which gives logits [n, classes] for images [n, height, width, channels].

    Raises:
        SqnxtError: None, or too few, of the images can be read.
    """
    _check_readable(stream.images)
    labels, logits = [], []
    for images, truth in stream.evaluation(batch=batch):
        if len(truth):
            labels.append(np.asarray(truth))
            logits.append(np.asarray(answer(images), np.float32))
    shown = ImageSet(
        name=stream.name,
        labels=np.concatenate(labels),
        class_names=stream.images.class_names,
        sources=(),
        image=lambda index: np.empty((0, 0), np.uint8),
    )
    return count_answers(path, shown, np.concatenate(logits))


def _check_readable(images: EncodedImages) -> None:
    """Refuse, before any work is done, images none of which can be read."""
    for index in range(len(images)):
        with suppress(UnreadableImageError):
            decode(images.read(index)[0], images.sources[index])
            return
    raise SqnxtError(images.name, "none of its images can be read", "`sqnxt-tf data check` tells what ails each")
