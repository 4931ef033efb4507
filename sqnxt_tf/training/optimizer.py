"""The optimizer of a recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqnxt_tf.training.recipe import Recipe

ChangeGradient = Callable[[Any, Any], Any]
"""From a variable's gradient and the variable to the gradient that the optimizer applies."""


def make_optimizer(recipe: Recipe, total_steps: int, change_gradient: ChangeGradient | None = None) -> Any:
    """SGD with momentum, the recipe's schedule, and an L2 penalty on kernels (call it in the strategy's scope).

    The penalty joins the gradient, as Caffe's `weight_decay` does, so that it passes through the momentum; Keras's own
    `weight_decay` shrinks the weights beside the momentum, which is another method.
    """
    import tf_keras as keras

    class Schedule(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            import tensorflow as tf

            return recipe.rate_at(tf.cast(step, tf.float32), total_steps)

    class SgdWithL2(keras.optimizers.SGD):
        def update_step(self, gradient: Any, variable: Any) -> None:
            if "kernel" in variable.name:
                gradient = gradient + recipe.weight_decay * variable
            if change_gradient is not None:
                gradient = change_gradient(gradient, variable)
            super().update_step(gradient, variable)

        @property
        def ema_momentum(self) -> Any:
            """Lower in the first steps, or a short run would end with an average of the weights it began with.

            Source: TensorFlow's `ExponentialMovingAverage`, `num_updates`.
            """
            import tensorflow as tf

            done = tf.cast(self.iterations, tf.float32)
            return tf.minimum(recipe.ema, (1 + done) / (10 + done))

        @ema_momentum.setter
        def ema_momentum(self, value: Any) -> None:
            """Keras sets what the recipe says."""

    average = {"use_ema": True, "ema_momentum": recipe.ema} if recipe.ema else {}
    optimizer = SgdWithL2(Schedule(), momentum=recipe.momentum, **average)
    if recipe.precision == "mixed_float16":
        return keras.mixed_precision.LossScaleOptimizer(optimizer)
    return optimizer
