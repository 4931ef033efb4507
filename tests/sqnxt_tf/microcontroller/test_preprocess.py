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


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 1000))
def test_an_image_of_any_size_is_resized_as_by_pillow_bit_for_bit(
    parts: tuple[MicroModel, ctypes.CDLL], height: int, width: int, seed: int
) -> None:
    model, library = parts
    shape = (height, width, model.preprocessing.channels)
    image = np.random.default_rng(seed).choice([0, 255, 90], shape).astype(np.uint8)
    by_pillow = model.preprocessing.raw().apply([image])[0].astype(np.uint8)  # pillow 13 or later
    np.testing.assert_array_equal(in_c(model, library, image), model.stored_input(by_pillow)[0])


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
