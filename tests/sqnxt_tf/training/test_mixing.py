from __future__ import annotations

import numpy as np
import pytest

from sqnxt_tf.training.losses import make_loss
from sqnxt_tf.training.mixing import mixed
from sqnxt_tf.training.recipe_files import DIGITS


@pytest.mark.parametrize("alpha", [0.01, 0.3, 5.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_images_and_losses_are_mixed_in_the_same_parts(alpha: float, seed: int) -> None:
    import tensorflow as tf

    images, labels = tf.constant([[[[0.0]]], [[[1.0]]]]), tf.constant([0, 1], tf.int64)
    logits, loss = tf.constant([[3.0, 0.0], [1.0, 0.0]]), make_loss(DIGITS)
    mixture, mixed_loss = mixed(images, labels, loss, alpha=alpha, seed=[seed, 7])
    part = 1 - float(mixture[0, 0, 0, 0])
    assert float(mixture[1, 0, 0, 0]) == pytest.approx(part, abs=1e-6)
    assert 0.5 <= part <= 1
    own, other = (loss(wanted, logits, images).numpy() for wanted in (labels, labels[::-1]))
    np.testing.assert_allclose(
        mixed_loss(labels, logits, mixture), part * own + (1 - part) * other, rtol=1e-5, atol=1e-6
    )
