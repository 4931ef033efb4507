"""Judge networks of a supernet by the validation images alone.

The batch-norm statistics of the supernet are those of the largest network. So for whoever is judged they are estimated
anew, over some batches of training images. Source: Yu and Huang (arXiv 1903.05134), section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np

from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.supernet.choices import SIZE, Choice, SupernetChoices
from sqnxt_tf.supernet.cutting import Statistics, cut_out
from sqnxt_tf.supernet.elastic import ElasticNetwork

Split = Literal["train", "validation"]
ImagesOf = Callable[[Split, int], Arrays]
"""A function from a part of the data and the side of the input in pixels to some images of that part."""

_BATCH = 64  # images: enough for statistics, few enough for any memory


class Judge:
    """The networks of a trained supernet, each with batch-norm statistics of its own.

    Args:
        model: The supernet's model, the largest network.
        choices: The networks that it holds.
        images_of: Training images for the statistics, and validation images; it is called once for each size.
    """

    def __init__(self, model: Any, choices: SupernetChoices, images_of: ImagesOf) -> None:
        self._model, self._choices, self._images_of = model, choices, images_of
        self._read: dict[tuple[Split, int], Arrays] = {}
        self._estimate, self._answer = ElasticNetwork(model, choices).compiled()

    def statistics(self, choice: Choice) -> Statistics:
        """Return the mean of the batch-norm statistics of several batches of training images, float32 [2, channels]."""
        found = [self._estimate(images, choice).numpy() for images, _ in self._batches("train", choice)]
        return np.asarray(np.mean(found, axis=0, dtype=np.float64), np.float32)

    def accuracy(self, choice: Choice) -> float:
        """Return the top-1 accuracy of a network on the validation images."""
        statistics, right, count = self.statistics(choice), 0, 0
        for images, labels in self._batches("validation", choice):
            answers = self._answer(images, choice, statistics).numpy().argmax(axis=1)
            right, count = right + int((answers == labels).sum()), count + len(labels)
        return right / count

    def cut_out(self, choice: Choice) -> Any:
        """Return a network as an ordinary model with its own weights and statistics."""
        return cut_out(self._model, self._choices, choice, self.statistics(choice))

    def _batches(self, split: Split, choice: Choice) -> Iterator[tuple[Any, Any]]:
        """Yield batches whose sizes differ by at most 1, so that each weighs the same in the statistics."""
        key = split, choice[SIZE]
        if key not in self._read:
            self._read[key] = self._images_of(*key)
        data = self._read[key]
        parts = max(len(data) // _BATCH, 1)
        yield from zip(np.array_split(data.images, parts), np.array_split(data.labels, parts), strict=True)
