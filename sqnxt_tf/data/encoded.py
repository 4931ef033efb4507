"""Labelled images as files hold them: their places at once, their bytes on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.decoding import decode
from sqnxt_tf.data.images import ImageSet
from sqnxt_tf.data.unreadable_image import UnreadableImageError


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedImages:
    """Any number of encoded images, none of them in memory.

    `read(i)` returns the bytes of image i and its class, an index into `class_names`, or raises `UnreadableImageError`.
    `sources[i]` names the image in messages. `files`, int32 [n], numbers the file that holds each image; every worker
    reads whole files. `labels`, int64 [n], are given where they are known without reading the images.
    """

    name: str
    class_names: tuple[str, ...]
    sources: Sequence[str]
    files: NDArray[np.int32]
    read: Callable[[int], tuple[bytes, int]]
    labels: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.files)

    def chosen(self, indices: NDArray[np.int64], name: str) -> EncodedImages:
        """Return the images at `indices` under another name."""
        return replace(
            self,
            name=name,
            sources=tuple(self.sources[int(index)] for index in indices),
            files=self.files[indices],
            read=lambda index: self.read(int(indices[index])),
            labels=None if self.labels is None else self.labels[indices],
        )

    def as_image_set(self) -> ImageSet:
        """Return the same images, each decoded on demand; if the labels are unknown, all images are read once.

        The label of an unreadable record is -1, and asking for its image raises `UnreadableImageError`.
        """
        labels = self.labels
        if labels is None:
            labels = np.fromiter((self._label(index) for index in range(len(self))), np.int64, len(self))

        def image(index: int) -> NDArray[np.uint8]:
            return np.asarray(decode(self.read(index)[0], self.sources[index]), np.uint8)

        return ImageSet(
            name=self.name, labels=labels, class_names=self.class_names, sources=tuple(self.sources), image=image
        )

    def _label(self, index: int) -> int:
        try:
            return self.read(index)[1]
        except UnreadableImageError:
            return -1
