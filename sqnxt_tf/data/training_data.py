"""Data for a training run: three parts, the list of unreadable images, and the evaluation on the test part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sqnxt_tf.accuracy import Evaluation, count_answers
from sqnxt_tf.data.arrays import to_arrays
from sqnxt_tf.data.augmentation import AUGMENTATIONS, Augmentation, InputFormat
from sqnxt_tf.data.cached import Cached
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.decoding import decode
from sqnxt_tf.data.digits import Split, digits
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.data.images import ImageSet
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.data.streaming import Streamed
from sqnxt_tf.data.unreadable import LIMIT, UnreadableImages
from sqnxt_tf.data.unreadable_image import UnreadableImageError
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.progress import Progress, silent

_BATCH = 32  # images of one forward pass


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """How images on disk are shown in training.

    Attributes:
        augmentation: Augmentation of the training part: `none`, as in the paper, `standard`, or `photos` and
            `randaugment`, whose images are kept in memory where they fit.
        smallest_crop: Smallest fraction of the image's area that a random crop shows; 0 for the augmentation's own.
        flip: Whether the augmentation may mirror images.
        max_shift: Largest random shift of a training image in each direction, in pixels, in addition.
        max_unreadable: How many unreadable images of the training and validation parts may be left out together.
    """

    augmentation: str = "none"
    smallest_crop: float = 0.0
    flip: bool = True
    max_shift: int = 0
    max_unreadable: int = LIMIT

    def __post_init__(self) -> None:
        if self.augmentation not in AUGMENTATIONS:
            raise SqnxtError(
                f"augmentation {self.augmentation!r}", "is not known", f"give one of {', '.join(AUGMENTATIONS)}"
            )
        if self.max_unreadable < 0:
            raise SqnxtError(f"max_unreadable {self.max_unreadable}", "is out of range", "give a number of at least 0")

    def make_augmentation(self) -> Augmentation:
        """Return the augmentation of the training part."""
        own = AUGMENTATIONS[self.augmentation]
        return replace(
            own, smallest_crop=self.smallest_crop or own.smallest_crop, flip=own.flip and self.flip,
            max_shift=self.max_shift,
        )  # fmt: skip

    @property
    def keeps_images(self) -> bool:
        """Whether images are kept in memory where they fit; the views of kept images are not shifted."""
        return self.augmentation in ("photos", "randaugment") and not self.max_shift


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """The three parts of a run's data: the digits in memory, all other data streamed from disk."""

    name: str
    training: Streamed | Cached | Arrays
    validation: Streamed | Cached | Arrays
    test: Streamed | ImageSet
    class_names: tuple[str, ...]
    preprocessing: InputFormat

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Sources of the images that this process could not read, sorted."""
        parts = [
            part.stream if isinstance(part, Cached) else part for part in (self.training, self.validation, self.test)
        ]
        return tuple(
            sorted({source for part in parts if isinstance(part, Streamed) for source in part.unreadable.found})
        )

    def judge(self, model: Any, path: Path) -> Evaluation:
        """Evaluate a Keras model, which will be saved as `path`, on the test part."""
        if isinstance(self.test, Streamed):
            return evaluate_stream(path, self.test, model.predict_on_batch)
        pixels = to_arrays(self.test, self.preprocessing).images
        return count_answers(path, self.test, model.predict(pixels, verbose=0))


def open_training_data(
    data: DataSource,
    preprocessing: InputFormat,
    options: StreamOptions | None = None,
    *,
    parts: Mapping[Split, EncodedImages] | None = None,
    progress: Progress = silent,
) -> TrainingData:
    """Open the three parts of the data for training; for the arguments see `open_streams`.

    `progress` is called while images are read into memory.

    The digits are read into memory; `options` do not matter to them.

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
    streams = open_streams(data, preprocessing, options, parts=parts)

    def kept(stream: Streamed) -> Streamed | Cached:
        return Cached(stream=stream, progress=progress) if options and options.keeps_images else stream

    return TrainingData(
        name=data.name,
        training=kept(streams["train"]),
        validation=kept(streams["validation"]),
        test=streams["test"],
        class_names=streams["train"].images.class_names,
        preprocessing=preprocessing,
    )


def open_streams(
    data: DataSource,
    preprocessing: InputFormat,
    options: StreamOptions | None = None,
    *,
    parts: Mapping[Split, EncodedImages] | None = None,
) -> dict[Split, Streamed]:
    """Open the parts of data on disk as streams; none of them is read into memory.

    The test part has no limit of unreadable images, because it is read when all the work is done.

    Args:
        data: The data; not the digits, which are not on disk.
        preprocessing: The format of the model's input.
        options: Augmentation and the limit of unreadable images.
        parts: The parts of the data, if they have been listed already.

    Raises:
        SqnxtError: The data do not exist or are not divided, or a part has no readable image.
    """
    options = options or StreamOptions()
    augmentation = options.make_augmentation()
    parts, unreadable = parts or data.encoded_parts(), UnreadableImages(limit=options.max_unreadable)
    for images in parts.values():
        _check_readable(images)
    return {
        split: Streamed(
            images=images,
            preprocessing=preprocessing,
            augmentation=augmentation,
            unreadable=UnreadableImages(limit=len(images)) if split == "test" else unreadable,
        )
        for split, images in parts.items()
    }


def evaluate_stream(path: Path, stream: Streamed, answer: Callable[[Any], Any], *, batch: int = _BATCH) -> Evaluation:
    """Evaluate a model on every readable image of a stream.

    Args:
        path: The model's file, for the result.
        stream: The images.
        answer: Returns logits [n, classes] for images [n, height, width, channels].
        batch: Images that `answer` gets at a time.

    Raises:
        SqnxtError: No image can be read, or more images than allowed cannot.
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
    """Refuse data without any readable image before any work is done."""
    for index in range(len(images)):
        with suppress(UnreadableImageError):
            decode(images.read(index)[0], images.sources[index])
            return
    raise SqnxtError(images.name, "none of its images can be read", "`sqnxt-tf data check` names the fault of each")
