"""Labelled images from any source."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.unreadable_image import UnreadableImageError


class Labelled(Protocol):
    """Data whose classes have names."""

    @property
    def name(self) -> str:
        """The name of the data."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """Labelled images, each decoded on demand.

    `labels`, int64 [n], are indices into `class_names`. `image(i)` returns image i as uint8 [height, width] (grey) or
    [height, width, 3] (RGB). `sources[i]` names it in messages.
    """

    name: str
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    sources: tuple[str, ...]
    image: Callable[[int], NDArray[np.uint8]]

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, start: int, stop: int) -> list[NDArray[np.uint8]]:
        """Decode the images from `start` to `stop` - 1."""
        return [self.image(index) for index in range(start, min(stop, len(self)))]

    def readable(
        self, wanted: Iterable[int], report: Callable[[str, UnreadableImageError], None]
    ) -> tuple[list[int], list[NDArray[np.uint8]]]:
        """Decode the readable ones of some images, and return their indices and pixels.

        `report` is called with the source and the error of each other image.
        """
        indices, images = [], []
        for index in wanted:
            try:
                images.append(self.image(index))
                indices.append(index)
            except UnreadableImageError as error:
                report(self.sources[index], error)
        return indices, images
