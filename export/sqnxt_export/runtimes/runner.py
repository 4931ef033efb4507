"""The interface that onnxruntime, LiteRT and Keras have in common here."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.opening import opening
from sqnxt_export.errors import ExportError
from sqnxt_export.image_batches import filled
from sqnxt_export.runtimes.borders import Border
from sqnxt_export.runtimes.tensors import Samples, TensorInfo, as_arrays, seeded_noise

_FREE_BATCH = 32
_MOST_VALUES = 1 << 29  # 2 GiB of float32


class Runner(ABC):
    """A loaded model that takes arrays in the order of the Keras model, for any layout and batch of the file.

    Attributes:
        path: The file.
        format: "keras", "onnx" or "tflite".
        runtime: Name of the library that runs it.
        version: That library's version.
        inputs: What the model takes, in order.
        outputs: What it returns, in order.
        batch: The file's fixed batch, or None if it is free.
        options: Settings of the runtime besides the number of threads, to be shown with measurements.
        provider: The part of the runtime that executes the graph: onnxruntime's execution providers, LiteRT's delegate.
        takes_pixels: Whether the file takes raw uint8 pixels; `images` are then integers of 0 to 255.
        layout: Layout of the file's first input, "NHWC" or "NCHW"; `run` converts.
        stored_types: NumPy names of the file's first input and output types; `run` converts.
        resizable_batch: Whether the file leaves the batch free although its runtime starts with `batch`.
        borders: Name of an input or output -> how the file stores its real values as integers; `run` converts.
        layout_known: Whether `layout` is what the file or its operators say, and no guess.
        own_range: The smallest and the largest value that the model itself expects in its only input: by a layer that
            rescales pixels. None if it does not say.
    """

    format: str
    runtime: str
    options: Mapping[str, str] = MappingProxyType({})
    provider: str = ""
    takes_pixels: bool = False
    layout: str = "NHWC"
    stored_types: tuple[str, str] = ("float32", "float32")
    resizable_batch: bool = False
    borders: Mapping[str, Border] = MappingProxyType({})
    layout_known: bool = True
    own_range: tuple[float, float] | None = None

    def __init__(
        self,
        path: Path,
        version: str,
        inputs: Sequence[TensorInfo],
        outputs: Sequence[TensorInfo],
        batch: int | None,
    ) -> None:
        self.path = path
        self.version = version
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.batch = batch
        self._has_run = False
        for info in self.inputs:
            if not all(isinstance(side, int) and side > 0 for side in info.shape):
                raise ExportError(
                    path, f"its input has the shape {list(info.shape)} per sample", "export it for a fixed size"
                )
            if math.prod(info.shape) * (batch or 1) > _MOST_VALUES:
                raise ExportError(
                    path,
                    f"takes {batch or 1} samples of {list(info.shape)} at once, more than fit in memory",
                    "export it for smaller images or batches",
                )
        if not self.inputs or not self.outputs:
            raise ExportError(path, "has no inputs or no outputs", "export it again")

    @property
    def input_range(self) -> tuple[float, float] | None:
        """The range of values of the only input that the file gives: `own_range`, or that of its integers."""
        if len(self.inputs) != 1 or self.own_range is not None:
            return self.own_range
        border = self.borders.get(self.inputs[0].name)
        return border.range if border is not None else (0.0, 255.0) if self.takes_pixels else None

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the only input, an image.

        Raises:
            ExportError: The model takes something else.
        """
        if len(self.inputs) != 1 or not self.inputs[0].is_image:
            taken = ", ".join(f"{info.name} {info.dtype}{list(info.shape)}" for info in self.inputs)
            raise ExportError(self.path, f"takes {taken} per sample", "one image of float32 or uint8 is needed")
        height, width, channels = self.inputs[0].shape
        return height, width, channels

    def run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run preprocessed images through a model with one input, and return its first output as rows.

        Args:
            images: Float32 [n, height, width, channels], n >= 1; of any number type if the file takes pixels.

        Returns:
            The logits, float32 [n, classes].

        Raises:
            ExportError: The images have another shape, or the runtime fails.
        """
        first = self.run_all(images)[0]
        return first.reshape(len(first), -1).astype(np.float32, copy=False)

    def run_all(self, samples: Samples) -> tuple[NDArray[Any], ...]:
        """Run samples through the model, and return every output.

        Args:
            samples: One array [n, ...] per input, in order; the array itself if there is one input.

        Returns:
            One array [n, ...] per output, in order, each in the shape that the Keras model gives it.

        Raises:
            ExportError: The samples have other shapes, or the runtime fails.
        """
        parts = [self._run_filled(part) for part in _batches(self._checked(samples), self.batch or _FREE_BATCH)]
        return tuple(np.concatenate(output) for output in zip(*parts, strict=True))

    def call(self, samples: Samples) -> Callable[[], object]:
        """Prepare a function that only makes the runtime run one batch, for timing.

        Args:
            samples: As for `run_all`; as many as the file's batch.
        """
        inputs = self._filled(self._checked(samples))
        return lambda: self._run_batch(inputs)

    def noise(self, count: int, seed: int = 0) -> NDArray[np.float32]:
        """Return seeded random images that the file can take, float32 [count, height, width, channels]."""
        random, shape = np.random.default_rng(seed), (count, *self.input_shape)
        values = random.integers(0, 256, shape) if self.takes_pixels else random.normal(size=shape)
        return values.astype(np.float32)

    def noise_inputs(self, count: int, seed: int = 0) -> tuple[NDArray[Any], ...]:
        """Return seeded random samples that the file can take, one array [count, ...] per input."""
        return (self.noise(count, seed),) if self.takes_pixels else seeded_noise(self.inputs, count, seed)

    def _checked(self, samples: Samples) -> tuple[NDArray[Any], ...]:
        arrays = as_arrays(samples)
        shapes = [list(array.shape) for array in arrays]
        fits = len(arrays) == len(self.inputs) and all(
            array.ndim == len(info.shape) + 1 and array.shape[1:] == info.shape and 0 < len(array) == len(arrays[0])
            for array, info in zip(arrays, self.inputs, strict=True)
        )
        if not fits:
            expected = " and ".join(f"[n, {', '.join(map(str, info.shape))}]" for info in self.inputs)
            raise ExportError(self.path, f"got input of shape {', '.join(map(str, shapes))}", f"give {expected}")
        if self.takes_pixels and not (arrays[0] == np.clip(np.round(arrays[0]), 0, 255)).all():
            raise ExportError(self.path, "takes raw pixels of 0 to 255", "leave the preprocessing to it")
        return tuple(
            np.ascontiguousarray(array, "float32" if self.takes_pixels else info.dtype)
            for array, info in zip(arrays, self.inputs, strict=True)
        )

    def _filled(self, arrays: tuple[NDArray[Any], ...]) -> tuple[NDArray[Any], ...]:
        return tuple(filled(array, self.batch or len(array)) for array in arrays)

    def _run_filled(self, arrays: tuple[NDArray[Any], ...]) -> list[NDArray[Any]]:
        """Run one batch, filled up with its last sample if the file's batch is larger."""
        count = len(arrays[0])
        arrays = self._filled(arrays)
        with nullcontext() if self._has_run else opening(self.path):
            outputs = self._run_batch(arrays)
        self._has_run = True
        for output in outputs:
            if output.shape[:1] != (len(arrays[0]),):
                rows = output.shape[0] if output.ndim else "no"
                raise ExportError(
                    self.path,
                    f"gave {rows} rows for {len(arrays[0])} samples",
                    "give a model whose outputs have one row per sample",
                )
        return [output[:count] for output in outputs]

    @abstractmethod
    def _run_batch(self, arrays: tuple[NDArray[Any], ...]) -> list[NDArray[Any]]:
        """Run one array [batch, ...] per input, in the order and shape of the Keras model, and return every output."""


def _batches(arrays: tuple[NDArray[Any], ...], size: int) -> Iterator[tuple[NDArray[Any], ...]]:
    for start in range(0, len(arrays[0]), size):
        yield tuple(array[start : start + size] for array in arrays)
