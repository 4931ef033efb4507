"""Labelled images as files hold them: where each is, and its bytes when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.decoding import UnreadableImageError, decode
from sqnxt_tf.data.images import ImageSet


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedImages:
    """Any number of images, none of them in memory.

    `read(i)` gives the bytes of image i and its class, an index into `class_names`, or raises `UnreadableImageError`
    where they cannot be had. `sources[i]` says where it comes from. `files`, int32 [n], numbers the file that holds it:
    workers share files among them. `labels`, int64 [n], where they are known without reading the images.
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
        """Some of the images, under a name of their own."""
        return replace(
            self,
            name=name,
            sources=tuple(self.sources[int(index)] for index in indices),
            files=self.files[indices],
            read=lambda index: self.read(int(indices[index])),
            labels=None if self.labels is None else self.labels[indices],
        )

    def as_image_set(self) -> ImageSet:
        """The same images, decoded one by one when asked for; reads them all once where labels are not known.

        The label of a record that cannot be read is -1, its image an error when it is asked for.
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
