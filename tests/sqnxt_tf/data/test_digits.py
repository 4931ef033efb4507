from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.digits import SPLITS, _stored, digits


def test_the_stored_digits_are_those_that_scikit_learn_bundles() -> None:
    images, labels, _ = _stored()
    original = load_digits()
    np.testing.assert_array_equal(images, original.images)
    np.testing.assert_array_equal(labels, original.target)


def test_every_image_is_in_one_part_and_the_parts_stay_as_they_are() -> None:
    parts = DataSource.parse("digits").parts()
    sources = [source for part in parts.values() for source in part.sources]
    assert len(sources) == len(set(sources)) == 1797
    assert {split: len(part) for split, part in parts.items()} == {"train": 1259, "validation": 179, "test": 359}
    assert [int(parts[split].labels @ np.arange(len(parts[split]))) for split in SPLITS] == [3548187, 69233, 299456]


@pytest.mark.parametrize("split", SPLITS)
def test_each_digit_is_equally_frequent_in_each_part(split: str) -> None:
    part = digits(split)  # type: ignore[arg-type]
    shares = np.bincount(part.labels) / len(part)
    assert shares.min() > 0.09
    assert shares.max() < 0.11


def test_images_are_grey_bytes_from_black_to_white() -> None:
    part = digits("train")
    image = part.image(0)
    assert image.dtype == np.uint8
    assert image.shape == (8, 8)
    assert {int(part.image(i).max()) for i in range(50)} <= {*range(150, 256)}
    assert part.class_names[part.labels[0]] in "0123456789"
