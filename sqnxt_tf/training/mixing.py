"""MixUp: each image and its label are mixed with another one of the batch.

Source: Zhang et al., mixup: Beyond Empirical Risk Minimization (arXiv 1710.09412).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Loss = Callable[[Any, Any, Any], Any]


def mixed(images: Any, labels: Any, loss: Loss, *, alpha: float, seed: Any) -> tuple[Any, Loss]:
    """Return mixed images, and the loss that fits them; the first image of each pair has the larger part.

    Args:
        images: The batch, float32 [b, height, width, c].
        labels: Its labels, int64 [b].
        loss: The loss of labels, logits and images.
        alpha: Parameter of the beta distribution of the parts, above 0.
        seed: Two integers that determine the parts.
    """
    import tensorflow as tf

    drawn = tf.random.stateless_gamma([2], seed, alpha)
    total = tf.reduce_sum(drawn)
    part = tf.where(total > 0, tf.reduce_max(drawn) / tf.where(total > 0, total, 1.0), 1.0)  # tiny ones become zeros
    partners = tf.reverse(labels, [0])

    def mixed_loss(labels: Any, logits: Any, images: Any) -> Any:
        return part * loss(labels, logits, images) + (1 - part) * loss(partners, logits, images)

    return part * images + (1 - part) * tf.reverse(images, [0]), mixed_loss
