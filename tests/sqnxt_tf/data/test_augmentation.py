from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sqnxt_export import Preprocessing
from sqnxt_tf.data.augmentation import AUGMENTATIONS, Augmentation, generator, random_box, shifted
from sqnxt_tf.errors import SqnxtError

INPUT = Preprocessing.imagenet(20, 24)
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8))


def test_without_augmentation_training_sees_what_the_device_sees() -> None:
    pixels = Augmentation().apply(PICTURE, INPUT, generator(0, 0, 0))
    np.testing.assert_array_equal(INPUT.normalise(pixels[None]), INPUT.apply([PICTURE]))


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0.01, 1), st.floats(0.5, 2), st.integers(0, 99))
def test_a_crop_lies_in_the_image(width: int, height: int, smallest: float, aspect: float, seed: int) -> None:
    left, top, right, bottom = random_box(width, height, smallest, aspect, np.random.default_rng(seed))
    assert 0 <= left < right <= width + 1e-9
    assert 0 <= top < bottom <= height + 1e-9


def test_crops_have_the_areas_and_ratios_that_are_asked_for() -> None:
    boxes = [random_box(500, 375, 0.08, 1.0, generator(0, 0, index)) for index in range(300)]
    widths = np.array([right - left for left, _, right, _ in boxes])
    heights = np.array([bottom - top for _, top, _, bottom in boxes])
    areas, ratios = widths * heights / (500 * 375), widths / heights
    assert 0.08 <= areas.min() < 0.15
    assert areas.max() > 0.85
    assert ratios.min() >= 0.75 - 1e-9
    assert ratios.max() <= 4 / 3 + 1e-9
    assert len({round(left) for left, *_ in boxes}) > 100


@pytest.mark.parametrize("augmentation", [AUGMENTATIONS["standard"], Augmentation(flip=True, max_shift=3)])
def test_an_image_of_an_epoch_is_always_augmented_alike(augmentation: Augmentation) -> None:
    def apply(seed: int, epoch: int, index: int) -> list[int]:
        pixels = augmentation.apply(PICTURE, INPUT, generator(seed, epoch, index, 1))
        assert pixels.shape == (20, 24, 3)
        return pixels.ravel().tolist()

    assert apply(1, 2, 3) == apply(1, 2, 3)
    assert len({tuple(apply(*numbers)) for numbers in ((1, 2, 3), (2, 2, 3), (1, 3, 3), (1, 2, 4))}) == 4


def test_half_of_the_images_are_mirrored() -> None:
    plain = Augmentation().apply(PICTURE, INPUT, generator(0, 0, 0))
    mirrored = 0
    for index in range(200):
        pixels = Augmentation(flip=True).apply(PICTURE, INPUT, generator(0, 0, index))
        same, turned = (pixels == plain).all(), (pixels == plain[:, ::-1]).all()
        assert same != turned
        mirrored += turned
    assert 80 <= mirrored <= 120


def test_shifts_move_the_image_within_its_mirrored_margin() -> None:
    pixels = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
    padded = np.pad(pixels, ((2, 2), (2, 2), (0, 0)), "symmetric")
    places = {(r, c): padded[r : r + 5, c : c + 6].tobytes() for r in range(5) for c in range(5)}
    found = {shifted(pixels, 2, generator(0, 0, index)).tobytes() for index in range(300)}
    assert found == set(places.values())


def test_grey_inputs_are_augmented_too() -> None:
    grey = Preprocessing.plain(20, 24, channels=1)
    assert AUGMENTATIONS["standard"].apply(PICTURE, grey, generator(0, 0, 0)).shape == (20, 24, 1)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(SqnxtError, match="colour = 2 is out of range"):
        Augmentation(colour=2)
