"""RandAugment on tensors: pillow's results, changes that the generator determines, batches in memory and from disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from sqnxt_export import Preprocessing
from sqnxt_tf.data.augmentation import AUGMENTATIONS, Augmentation, generator
from sqnxt_tf.data.cached import Cached
from sqnxt_tf.data.folders import encoded_folder
from sqnxt_tf.data.randaugment import OPERATIONS, changed, draw_changes
from sqnxt_tf.data.streaming import Streamed

NAMES = tuple(OPERATIONS)
PIXELS = np.asarray(
    Image.fromarray(np.random.default_rng(0).integers(20, 231, (5, 6, 3), np.uint8)).resize((24, 20)), np.uint8
)
INPUT = Preprocessing.imagenet(16)


def after(name: str, strength: float, pixels: Any = PIXELS) -> Any:
    """Return an image after one operation; a negative strength is one in the other direction."""
    own = np.array([[[NAMES.index(name), np.sign(strength)]]], np.float32)
    return np.asarray(changed(pixels[None], own, abs(strength)))[0]


@pytest.mark.parametrize(
    ("name", "strength", "same", "most"),
    [
        ("identity", 0.3, lambda image: image, 0),
        ("equalise", 0.3, ImageOps.equalize, 0),
        ("autocontrast", 0.3, ImageOps.autocontrast, 1),
        ("posterise", 1.0, lambda image: ImageOps.posterize(image, 4), 0),
        ("posterise", 0.3, lambda image: ImageOps.posterize(image, 7), 0),
        ("solarise", -0.3, lambda image: ImageOps.solarize(image, 179), 0),
        ("brightness", -0.5, lambda image: ImageEnhance.Brightness(image).enhance(0.55), 1),
        ("contrast", 0.3, lambda image: ImageEnhance.Contrast(image).enhance(1.27), 5),  # its grey weighs the colours
        ("sharpness", 1.0, lambda image: ImageEnhance.Sharpness(image).enhance(1.9), 2),
    ],
)
def test_an_operation_does_what_pillow_does(
    name: str, strength: float, same: Callable[[Any], Any], most: float
) -> None:
    found, due = after(name, strength), np.asarray(same(Image.fromarray(PIXELS)), np.float32)
    inner = slice(1, -1)  # pillow leaves the edge as it is when it smooths
    assert np.abs(found - due)[inner, inner].max() <= most


def test_an_image_of_one_value_stays_as_it_is_or_one_value() -> None:
    flat = np.full((8, 9, 1), 100, np.uint8)
    for name in NAMES:
        found = after(name, 0.3, flat)
        assert found.shape == (8, 9, 1)
        assert np.ptp(found) < 1e-3, name
    np.testing.assert_array_equal(after("equalise", 0.3, flat), flat)
    np.testing.assert_array_equal(after("autocontrast", 0.3, flat), flat)


def test_movements_have_the_size_and_the_directions_that_are_drawn() -> None:
    whole = PIXELS.astype(np.float32)
    by = round(150 / 331 * 24 * 0.46)  # 5 pixels, but for a hundredth
    strength = by / (150 / 331 * 24)
    np.testing.assert_allclose(after("shift x", strength)[:, :-by], whole[:, by:], atol=0.1)
    np.testing.assert_allclose(after("shift x", -strength)[:, by:], whole[:, :-by], atol=0.1)
    np.testing.assert_allclose(after("shift x", strength)[:, -by:], whole[:, : -by - 1 : -1], atol=0.1)  # mirrored
    strength = 4 / (150 / 331 * 20)
    np.testing.assert_allclose(after("shift y", strength)[:-4], whole[4:], atol=0.1)
    spot = np.zeros((21, 21, 1), np.uint8)
    spot[10, 20] = spot[10, 10] = 255
    for name, place in (("rotate", (10 + 8.66, 10 - 5.0)), ("shear y", (20.0, 10 - 3.0)), ("shear x", (20.0, 10.0))):
        found = after(name, 1.0, spot)[..., 0]
        assert found[10, 10] == pytest.approx(255, abs=1), name  # the centre stays
        rows, columns = np.nonzero(found[:, 15:] > 60)
        assert abs(np.mean(columns) + 15 - place[0]) < 1, name
        assert min(abs(np.mean(rows) - place[1]), abs(20 - np.mean(rows) - place[1])) < 1, name


def test_every_operation_is_drawn_in_both_directions_and_each_image_has_its_own() -> None:
    drawn = draw_changes(2000, 2, generator(3, 4, 5))
    np.testing.assert_array_equal(drawn, draw_changes(2000, 2, generator(3, 4, 5)))
    counts = np.bincount(drawn[..., 0].astype(int).ravel(), minlength=len(NAMES))
    assert counts.min() > 200  # of 286 in the mean
    assert set(drawn[..., 1].ravel()) == {-1.0, 1.0}
    both = np.array([[[NAMES.index("identity"), 1]], [[NAMES.index("brightness"), 1]]], np.float32)
    found = np.asarray(changed(np.stack([PIXELS, PIXELS]), both, 0.1))
    np.testing.assert_array_equal(found[0], PIXELS)
    np.testing.assert_allclose(found[1], np.minimum(1.09 * PIXELS, 255), rtol=1e-5)
    assert changed(np.zeros((0, 4, 4, 3), np.uint8), np.zeros((0, 2, 2), np.float32), 0.3).shape == (0, 4, 4, 3)


def test_nothing_is_drawn_without_operations() -> None:
    untouched, used = generator(0, 0, 0), generator(0, 0, 0)
    assert draw_changes(7, 0, used).shape == (7, 0, 2)
    assert used.random() == untouched.random()


def numbers(batches: Iterable[tuple[Any, Any]]) -> list[tuple[bytes, list[int]]]:
    return [(np.asarray(images).tobytes(), np.asarray(labels).tolist()) for images, labels in batches]


@pytest.mark.parametrize("kind", ["in memory", "from disk"])
def test_a_run_begun_at_any_step_sees_what_it_would_have_seen(kind: str, tmp_path: Path, make_images: Any) -> None:
    folder = make_images(tmp_path / "images", 6, "ab")
    (folder / "a" / "03.jpg").write_bytes(b"nothing")

    def batches(first: int, augmentation: Augmentation = AUGMENTATIONS["randaugment"]) -> Any:
        stream = Streamed(images=encoded_folder(folder), preprocessing=INPUT, augmentation=augmentation)
        data = Cached(stream=stream) if kind == "in memory" else stream
        return numbers(data.training(batch=4, seed=5, first_step=first, last_step=5))

    whole = batches(0)
    assert [len(labels) for _, labels in whole[:3]].count(4) == 2  # one image cannot be read
    assert batches(2) == whole[2:]
    plain = batches(0, Augmentation(smallest_crop=0.35, flip=True))
    assert [labels for _, labels in plain] == [labels for _, labels in whole]
    assert all(one != other for (one, _), (other, _) in zip(plain, whole, strict=True))
