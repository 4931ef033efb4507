"""The loss of a recipe: smoothed cross-entropy, and with a teacher, the distance to its answers."""

from __future__ import annotations

from typing import Any

from sqnxt_tf.training.recipe import Recipe


def make_loss(recipe: Recipe, teacher: Any = None) -> Any:
    """Return a function of labels [b], logits [b, classes] and images that gives the loss of each image, float32 [b].

    With a teacher, the loss is `(1 - w) * cross_entropy + w * T^2 * KL(teacher / T || student / T)`, where `w` is
    `recipe.distillation` and T `recipe.temperature`. Source: Hinton et al., Distilling the Knowledge in a Neural
    Network (arXiv 1503.02531), section 2.
    """
    import tensorflow as tf

    def cross_entropy(labels: Any, logits: Any) -> Any:
        if not recipe.label_smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        classes = tf.shape(logits)[-1]
        spread = recipe.label_smoothing / tf.cast(classes, tf.float32)
        wanted = tf.one_hot(labels, classes, on_value=1 - recipe.label_smoothing + spread, off_value=spread)
        return tf.nn.softmax_cross_entropy_with_logits(wanted, logits)

    def with_teacher(labels: Any, logits: Any, images: Any) -> Any:
        answers = tf.stop_gradient(tf.cast(teacher(images, training=False), tf.float32)) / recipe.temperature
        wanted = tf.nn.softmax(answers)
        distance = tf.reduce_sum(
            wanted * (tf.nn.log_softmax(answers) - tf.nn.log_softmax(logits / recipe.temperature)), axis=-1
        )
        own = cross_entropy(labels, logits)
        return (1 - recipe.distillation) * own + recipe.distillation * recipe.temperature**2 * distance

    if teacher is None:
        return lambda labels, logits, images: cross_entropy(labels, logits)
    return with_teacher
