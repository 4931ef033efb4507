"""Images with their classes, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.decoding import UnreadableImageError


class Labelled(Protocol):
    """Any data whose classes have names."""

    @property
    def name(self) -> str:
        """What the data are called."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their labels."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """Labelled images, decoded one by one when asked for.

    `labels` are indices into `class_names`, int64 [n]. `image(i)` is uint8 [height, width] or [height, width, 3] (RGB);
    `sources[i]` says where image i comes from.
    """

    name: str
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    sources: tuple[str, ...]
    image: Callable[[int], NDArray[np.uint8]]

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, start: int, stop: int) -> list[NDArray[np.uint8]]:
        """The decoded images from `start` up to, not including, `stop`."""
        return [self.image(index) for index in range(start, min(stop, len(self)))]

    def readable(
        self, start: int, stop: int, tell: Callable[[str, UnreadableImageError], None]
    ) -> tuple[list[int], list[NDArray[np.uint8]]]:
        """As `batch`, without the images that cannot be read, and the indices of the others; `tell` hears of those."""
        indices, images = [], []
        for index in range(start, min(stop, len(self))):
            try:
                images.append(self.image(index))
                indices.append(index)
            except UnreadableImageError as error:
                tell(self.sources[index], error)
        return indices, images
