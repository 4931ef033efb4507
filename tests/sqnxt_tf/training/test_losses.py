from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sqnxt_tf.training.losses import make_loss
from sqnxt_tf.training.recipe_files import DIGITS

LOGITS = np.array([[2.0, 0.5, -1.0], [0.0, 0.0, 3.0]], np.float32)
LABELS = np.array([0, 1])


def softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    powers = np.exp(logits)
    return powers / powers.sum(axis=-1, keepdims=True)  # type: ignore[no-any-return]


def test_without_anything_it_is_cross_entropy() -> None:
    expected = -np.log(softmax(LOGITS)[[0, 1], LABELS])
    np.testing.assert_allclose(make_loss(DIGITS)(LABELS, LOGITS, None), expected, rtol=1e-6)


def test_smoothing_spreads_a_part_of_each_label_over_all_classes() -> None:
    wanted = 0.9 * np.eye(3)[LABELS] + 0.1 / 3
    expected = -(wanted * np.log(softmax(LOGITS))).sum(axis=-1)
    loss = make_loss(replace(DIGITS, label_smoothing=0.1))
    np.testing.assert_allclose(loss(LABELS, LOGITS, None), expected, rtol=1e-6)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_a_teacher_is_followed_at_its_temperature(weight: float) -> None:
    answers = np.array([[1.0, 1.0, 0.0], [2.0, -1.0, 0.5]], np.float32)
    theirs, ours = softmax(answers / 4), softmax(LOGITS / 4)
    distance = (theirs * np.log(theirs / ours)).sum(axis=-1)
    expected = (1 - weight) * -np.log(softmax(LOGITS)[[0, 1], LABELS]) + weight * 16 * distance
    loss = make_loss(replace(DIGITS, distillation=weight, temperature=4.0), lambda images, training: answers)
    np.testing.assert_allclose(loss(LABELS, LOGITS, None), expected, rtol=1e-5)
