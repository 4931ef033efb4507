"""The C that prepares images computes what Python does."""

from __future__ import annotations

import ctypes
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.micro_models import compiled, described
from sqnxt_export import Border, Preprocessing
from sqnxt_tf.microcontroller.bundled_image import MicroTestImage
from sqnxt_tf.microcontroller.generated import generated_files
from sqnxt_tf.microcontroller.micro_model import MicroModel

INT8 = Border(1 / 128, -3, "int8")
CASES = {
    "stretched RGB int8": (Preprocessing.plain(12, 20), INT8),
    "cropped RGB int8": (Preprocessing.imagenet(24, 16), Border(0.99, 4, "int8")),
    "cropped RGB uint8": (Preprocessing.imagenet(17), Border(1.0, 128, "uint8")),
    "stretched grey int16": (Preprocessing.plain(9, channels=1), Border(3e-5, 0, "int16")),
    "stretched grey float32": (Preprocessing.plain(8, channels=1), None),
}


@pytest.fixture(scope="module", params=CASES)
def parts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[MicroModel, ctypes.CDLL]:
    model = described(*CASES[request.param])
    folder = tmp_path_factory.mktemp("c")
    pixels = np.zeros((1, 1, model.preprocessing.channels), np.uint8)
    texts = generated_files(model, MicroTestImage(pixels=pixels, source="", answer=0))
    for name in ("preprocess.c", "preprocess.h"):
        texts[name] = (files("sqnxt_tf.microcontroller") / "project" / name).read_text()
    for name, text in texts.items():
        (folder / name).write_text(text)
    return model, compiled(folder, "preprocess.c", "model.c")


def in_c(model: MicroModel, library: ctypes.CDLL, image: np.ndarray) -> np.ndarray:
    preprocessing = model.preprocessing
    answer = np.zeros((preprocessing.height, preprocessing.width, preprocessing.channels), model.input_type)
    pointers = (image.ctypes.data_as(ctypes.c_void_p), answer.ctypes.data_as(ctypes.c_void_p))
    assert library.preprocess(pointers[0], image.shape[1], image.shape[0], pointers[1]) == 0
    return answer


def in_numpy(preprocessing: Preprocessing, image: np.ndarray) -> np.ndarray:
    """Resize across and then down, in the integers of the C file."""
    height, width = image.shape[:2]
    left, top, right, bottom = 0.0, 0.0, float(width), float(height)
    if preprocessing.resize == "short_side_crop":
        ratio = min(width / preprocessing.width, height / preprocessing.height)
        left, top = (width - ratio * preprocessing.width) / 2, (height - ratio * preprocessing.height) / 2
        right, bottom = min(width - left, width), min(height - top, height)
        left, top = max(left, 0.0), max(top, 0.0)
    across = weights_of(width, left, right, preprocessing.width)
    down = weights_of(height, top, bottom, preprocessing.height)
    rows = rounded(np.einsum("xi,yic->yxc", across, image.astype(np.int64)))
    return rounded(np.einsum("yj,jxc->yxc", down, rows)).astype(np.uint8)


def weights_of(side: int, begin: float, end: float, parts: int) -> np.ndarray:
    """Return the weight of each pixel of a side in each pixel of the input, int64 with 22 bits of fraction."""
    scale = float(np.float32(np.float32(end) - np.float32(begin))) / parts
    support, begin = max(scale, 1.0), float(np.float32(begin))
    weights = np.zeros((parts, side))
    for place in range(parts):
        centre = begin + (place + 0.5) * scale
        first, last = max(int(centre - support + 0.5), 0), min(int(centre + support + 0.5), side)
        values = np.maximum(0, 1 - np.abs((np.arange(first, last) - centre + 0.5) * (1 / support)))
        weights[place, first:last] = values / sum(values.tolist())
    return (0.5 + weights * (1 << 22)).astype(np.int64)


def rounded(sums: np.ndarray) -> np.ndarray:
    return np.clip((sums + (1 << 21)) >> 22, 0, 255)


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 1000))
def test_an_image_of_any_size_is_resized_in_integers_and_as_by_pillow_within_one(
    parts: tuple[MicroModel, ctypes.CDLL], height: int, width: int, seed: int
) -> None:
    model, library = parts
    shape = (height, width, model.preprocessing.channels)
    image = np.random.default_rng(seed).choice([0, 255, 90], shape).astype(np.uint8)
    own, by_pillow = in_numpy(model.preprocessing, image), model.preprocessing.raw().apply([image])[0]
    np.testing.assert_array_equal(in_c(model, library, image), model.stored_input(own)[0])
    assert np.abs(own - by_pillow).max() <= 1


def test_an_image_of_the_size_of_the_input_becomes_the_same_input_bit_for_bit(
    parts: tuple[MicroModel, ctypes.CDLL],
) -> None:
    model, library = parts
    preprocessing = model.preprocessing
    shape = (preprocessing.height, preprocessing.width, preprocessing.channels)
    image = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    prepared = preprocessing.apply([image])[0]
    expected = prepared if model.input is None else model.input.stored(prepared)
    np.testing.assert_array_equal(in_c(model, library, image), expected)


def test_an_image_with_too_many_pixels_for_the_stack_is_refused(parts: tuple[MicroModel, ctypes.CDLL]) -> None:
    model, library = parts
    sides = 33 * model.preprocessing.width, 33 * model.preprocessing.height
    assert library.preprocess(None, *sides, None) == 1
    assert library.preprocess(None, 0, 8, None) == 1
