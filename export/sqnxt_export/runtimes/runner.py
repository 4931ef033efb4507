"""The interface that onnxruntime, LiteRT and Keras have in common here."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.errors import ExportError
from sqnxt_export.image_batches import batches, filled

_FREE_BATCH = 32
_MOST_VALUES = 1 << 29  # 2 GiB of float32


class Runner(ABC):
    """A loaded model that takes NHWC images and returns one row of logits each, for any layout and batch of the file.

    Attributes:
        path: The file.
        format: "keras", "onnx" or "tflite".
        runtime: Name of the library that runs it.
        version: That library's version.
        input_shape: Height, width and channels of one image.
        batch: The file's fixed batch, or None if it is free.
        options: Settings of the runtime besides the number of threads, to be shown with measurements.
        provider: The part of the runtime that executes the graph: onnxruntime's execution providers, LiteRT's delegate.
        takes_pixels: Whether the file takes raw uint8 pixels; `images` are then integers of 0 to 255.
        layout: Layout of the file's own input, "NHWC" or "NCHW"; `run` converts.
        stored_types: NumPy names of the file's own input and output types; `run` converts.
        resizable_batch: Whether the file leaves the batch free although its runtime starts with `batch`.
    """

    format: str
    runtime: str
    options: Mapping[str, str] = MappingProxyType({})
    provider: str = ""
    takes_pixels: bool = False
    layout: str = "NHWC"
    stored_types: tuple[str, str] = ("float32", "float32")
    resizable_batch: bool = False

    def __init__(self, path: Path, version: str, input_shape: tuple[int, int, int], batch: int | None) -> None:
        if math.prod(input_shape) * (batch or 1) > _MOST_VALUES:
            raise ExportError(
                path,
                f"takes {batch or 1} images of {list(input_shape)} at once, more than fit in memory",
                "export it for smaller images or batches",
            )
        self.path = path
        self.version = version
        self.input_shape = input_shape
        self.batch = batch

    def run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run preprocessed images through the model.

        Args:
            images: Float32 [n, height, width, channels], n >= 1; of any number type if the file takes pixels.

        Returns:
            The logits, float32 [n, classes].

        Raises:
            ExportError: The images have another shape, or the runtime fails.
        """
        images = self._checked(images)
        size = self.batch or _FREE_BATCH
        return np.concatenate([self._run_filled(batch) for batch in batches(images, size)])

    def call(self, images: NDArray[np.float32]) -> Callable[[], object]:
        """Prepare a function that only makes the runtime run one batch, for timing.

        Args:
            images: As for `run`; as many as the file's batch.
        """
        images = filled(self._checked(images), self.batch or len(images))
        return lambda: self._run_batch(images)

    def _checked(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        images = np.ascontiguousarray(images, np.float32)
        if images.ndim != 4 or images.shape[1:] != self.input_shape or not len(images):
            expected = ", ".join(map(str, self.input_shape))
            raise ExportError(self.path, f"got input of shape {list(images.shape)}", f"give [n, {expected}]")
        if self.takes_pixels and not (images == np.clip(np.round(images), 0, 255)).all():
            raise ExportError(self.path, "takes raw pixels of 0 to 255", "leave the preprocessing to it")
        return images

    def noise(self, count: int, seed: int = 0) -> NDArray[np.float32]:
        """Return seeded random images that the file can take, float32 [count, height, width, channels]."""
        random, shape = np.random.default_rng(seed), (count, *self.input_shape)
        values = random.integers(0, 256, shape) if self.takes_pixels else random.normal(size=shape)
        return values.astype(np.float32)

    def _run_filled(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run one batch, filled up with its last image if the file's batch is larger."""
        count = len(images)
        images = filled(images, self.batch or count)
        logits = self._run_batch(images)
        if logits.shape[0] != len(images):
            raise ExportError(self.path, f"gave {logits.shape[0]} rows for {len(images)} images", "give a classifier")
        return logits.reshape(len(images), -1)[:count].astype(np.float32, copy=False)

    @abstractmethod
    def _run_batch(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run images [batch, h, w, c] and return the first output, [batch, ...]."""


def checked_shape(path: Path, shape: list[int]) -> tuple[int, int, int]:
    """Return height, width and channels, each of them fixed.

    Raises:
        ExportError: There are not three sides, or one is free.
    """
    if len(shape) != 3 or not all(isinstance(side, int) and side > 0 for side in shape):
        raise ExportError(path, f"its input has the shape {shape} per sample", "export it for images of a fixed size")
    height, width, channels = shape
    return height, width, channels
