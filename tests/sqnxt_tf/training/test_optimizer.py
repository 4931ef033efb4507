import numpy as np

from sqnxt_tf.training.optimizer import make_optimizer
from sqnxt_tf.training.recipes import Recipe


def test_weight_decay_joins_the_gradient_of_kernels_and_passes_through_the_momentum() -> None:
    import tensorflow as tf

    recipe = Recipe(
        epochs=1, batch=1, rate=0.1, warmup_rate=0.1, warmup_steps=100, momentum=0.9, weight_decay=0.5, decay_power=0
    )
    kernel, gamma = tf.Variable([2.0], name="kernel"), tf.Variable([2.0], name="gamma")
    optimizer = make_optimizer(recipe, total_steps=100)
    expected, velocity = {"kernel": 2.0, "gamma": 2.0}, {"kernel": 0.0, "gamma": 0.0}
    for _ in range(3):
        optimizer.apply_gradients([(tf.constant([1.0]), kernel), (tf.constant([1.0]), gamma)])
        for name, decay in (("kernel", 0.5), ("gamma", 0.0)):
            velocity[name] = 0.9 * velocity[name] - 0.1 * (1.0 + decay * expected[name])
            expected[name] += velocity[name]
    np.testing.assert_allclose([kernel.numpy()[0], gamma.numpy()[0]], list(expected.values()), rtol=1e-6)
