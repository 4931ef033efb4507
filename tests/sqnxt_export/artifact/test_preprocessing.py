"""Preprocessing of images of any kind to the network's input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sqnxt_export import ExportError, Preprocessing


def test_imagenet_subtracts_the_mean_in_rgb_order() -> None:
    image = np.zeros((1, 227, 227, 3), np.uint8) + np.array([200, 100, 50], np.uint8)
    values = Preprocessing.imagenet().apply(image)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values[0, 0, 0], [77, -17, -54])


def test_plain_maps_to_minus_one_and_one() -> None:
    image = np.array([[[0, 255]]], np.uint8).reshape(1, 1, 2, 1)
    np.testing.assert_array_equal(Preprocessing.plain(1, 2, channels=1).apply(image).ravel(), [-1, 1])


def test_the_short_side_fits_and_the_centre_stays() -> None:
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    (square,) = Preprocessing.imagenet(10).apply([wide])
    assert (square > 100).mean() > 0.95
    (stretched,) = Preprocessing.plain(10).apply([wide])
    assert 0.2 < (stretched > 0).mean() < 0.5


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pillow_modes(mode: str, channels: int) -> None:
    image = Image.new("RGB", (8, 6), (255, 255, 255)).convert(mode)
    values = Preprocessing.plain(4, 5, channels).apply([image])
    assert values.shape == (1, 4, 5, channels)
    np.testing.assert_allclose(values, 1, atol=0.01)


def test_transparency_is_white_and_exif_rotation_is_followed() -> None:
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    np.testing.assert_array_equal(Preprocessing.plain(4).apply([clear]), 1)
    image = Image.fromarray(np.array([[0, 255]], np.uint8))
    image.getexif()[0x0112] = 6  # rotated by 90 degrees
    np.testing.assert_array_equal(Preprocessing.plain(2, 1, channels=1).apply([image]).ravel(), [-1, 1])


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]))
def test_any_size_becomes_the_size_asked(height: int, width: int, to_height: int, to_width: int, channels: int) -> None:
    image = np.full((2, height, width, channels), 90, np.uint8)
    for rule in (Preprocessing.imagenet(to_height, to_width), Preprocessing.plain(to_height, to_width, channels)):
        values = rule.apply(image)
        assert values.shape == (2, to_height, to_width, rule.channels)
        expected = (90 - np.array(rule.mean)) / np.array(rule.scale)
        np.testing.assert_allclose(values, np.broadcast_to(expected, values.shape), atol=1e-4)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((1, 4, 4, 3), np.float32), "uint8"),
        (np.zeros((1, 4, 4, 2), np.uint8), "shape"),
        (np.zeros((4, 4), np.uint8), "shape"),
        (["cat.jpg"], "give pillow images"),
        (Image.new("L", (2, 2)), "give a list"),
    ],
)
def test_what_is_no_image_is_refused(images: Any, words: str) -> None:
    with pytest.raises(ExportError, match=words):
        Preprocessing.imagenet(8).apply(images)
