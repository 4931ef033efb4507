"""The image that the program of a project classifies, and the class that it must find."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sqnxt_export import run_micro
from sqnxt_tf.data.decoding import read_image
from sqnxt_tf.data.digits import digits
from sqnxt_tf.microcontroller.micro_model import MicroModel

_DIGITS = tuple("0123456789")
_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MicroTestImage:
    """An image and its answer.

    Attributes:
        pixels: uint8 [height, width, channels], in the size of the model's input.
        source: Where it comes from.
        answer: The class that TensorFlow Lite Micro's interpreter finds for it on this machine.
        note: What it does not prove; empty where it is a real image.
    """

    pixels: NDArray[np.uint8]
    source: str
    answer: int
    note: str = ""


def choose_test_image(model: MicroModel, image: Path | None = None) -> MicroTestImage:
    """Choose an image that a model classifies: a given one, a digit for a model of digits, or a pattern.

    Raises:
        SqnxtError: The given image cannot be read.
        ExportError: TensorFlow Lite Micro cannot run the model.
    """
    preprocessing = model.preprocessing
    note = ""
    if image is not None:
        whole, source = read_image(image), image.name
    elif model.labels == _DIGITS:
        found = digits("test")
        whole, source = found.image(0), found.sources[0]
    else:
        whole, source = _pattern(preprocessing.height, preprocessing.width, preprocessing.channels), "a pattern"
        note = "the test image is a pattern that shows nothing; `image` bundles a picture of yours"
    pixels = _resized(model, whole)
    _, (scores,) = run_micro(model.path, [model.stored_input(pixels)], (model.output_index,))
    return MicroTestImage(pixels=pixels, source=source, answer=int(scores.reshape(-1).argmax()), note=note)


def _resized(model: MicroModel, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image in the size of the model's input, with its channels."""
    return np.asarray(model.preprocessing.raw().apply([pixels])[0], np.uint8)


def _pattern(height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """Return smooth seeded waves, of which no two channels are alike."""
    random = np.random.default_rng(_SEED)
    down, across = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.sin(2 * np.pi * (a * down + b * across) + c) for a, b, c in random.uniform(0.5, 3, (channels, 3))]
    return np.stack([np.rint(127.5 + 127.5 * wave) for wave in waves], axis=2).astype(np.uint8)
