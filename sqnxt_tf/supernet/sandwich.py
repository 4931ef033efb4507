"""The sandwich rule with in-place distillation, as the loss of a supernet's model.

Every step trains the largest network on the labels, and the smallest one and some that are drawn at random on the soft
answers that the largest one gives in the same step. As it is a loss, the ordinary training loop does all the rest.

Sources: Yu and Huang, Universally Slimmable Networks and Improved Training Techniques (arXiv 1903.05134); Yu et al.,
BigNAS (arXiv 2003.11142).
"""

from __future__ import annotations

from typing import Any

from sqnxt_tf.supernet.choices import SupernetChoices
from sqnxt_tf.supernet.elastic import ElasticNetwork
from sqnxt_tf.training.losses import make_loss
from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.run_options import LossMaker

_LARGEST_SEED = 2**31 - 1
_DRAWING = 1_000_033  # the purpose of random numbers: MixUp and random layers have others


def sandwich_loss(choices: SupernetChoices, *, drawn: int, seed: int) -> LossMaker:
    """Return what makes the loss of a supernet's model: the mean of the losses of all networks of a step.

    The networks of a step depend on the seed and the step alone. They are the same on all replicas, so that every image
    of a batch trains the same networks.

    Args:
        choices: The networks of the supernet.
        drawn: Networks that are drawn in each step, beside the largest and the smallest one.
        seed: Random seed of the draws.
    """

    def make(model: Any, recipe: Recipe, step: Any) -> Any:
        import tensorflow as tf

        network, own_loss = ElasticNetwork(model, choices), make_loss(recipe)

        def loss(labels: Any, logits: Any, images: Any) -> Any:
            total = own_loss(labels, logits, images)
            wanted = tf.stop_gradient(tf.nn.softmax(logits))
            of_step = tf.random.experimental.stateless_fold_in([seed & _LARGEST_SEED, _DRAWING], step)
            for choice in (tf.constant(choices.smallest), *drawn_choices(choices, drawn, of_step)):
                answers, _ = network(images, choice)
                total += tf.nn.softmax_cross_entropy_with_logits(wanted, answers)
            return total / (2 + drawn)

        return loss

    return make


def drawn_choices(choices: SupernetChoices, count: int, seed: Any) -> list[Any]:
    """Return that many random choices, int32 [7] each; every value of a dimension is equally likely."""
    import tensorflow as tf

    lists = (*choices.depths, range(len(choices.widths)), choices.stem_kernels, choices.input_sizes)
    drawn = []
    for place in range(count):
        random = tf.random.stateless_uniform([len(lists)], tf.random.experimental.stateless_fold_in(seed, place))
        picked = [
            tf.constant(list(values))[tf.minimum(tf.cast(one * len(values), tf.int32), len(values) - 1)]
            for values, one in zip(lists, tf.unstack(random), strict=True)
        ]
        drawn.append(tf.stack(picked))
    return drawn
