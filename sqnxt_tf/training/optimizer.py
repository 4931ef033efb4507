"""The optimizer of a recipe: SGD with momentum, an L2 penalty, and the recipe's learning rate."""

from __future__ import annotations

from typing import Any

from sqnxt_tf.training.recipe import Recipe


def make_optimizer(recipe: Recipe, total_steps: int) -> Any:
    """Make the optimizer of a recipe; call this in the strategy's scope.

    The L2 penalty on kernels is added to the gradient, as Caffe's `weight_decay` is, and so it passes through the
    momentum. Keras's own `weight_decay` shrinks the weights apart from the momentum, which is another method.

    Args:
        recipe: The numbers of the training.
        total_steps: Steps of the whole run, over which the learning rate falls.
    """
    import tf_keras as keras

    class RecipeRate(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            import tensorflow as tf

            return recipe.rate_at(tf.cast(step, tf.float32), total_steps)

    class SgdWithL2(keras.optimizers.SGD):
        def update_step(self, gradient: Any, variable: Any) -> None:
            if "kernel" in variable.name:
                gradient = gradient + recipe.weight_decay * variable
            super().update_step(gradient, variable)

        @property
        def ema_momentum(self) -> Any:
            """Momentum of the moving average, lower in the first steps.

            Otherwise the average of a short run would still contain its initial weights.

            Source: TensorFlow's `ExponentialMovingAverage`, `num_updates`.
            """
            import tensorflow as tf

            done = tf.cast(self.iterations, tf.float32)
            return tf.minimum(recipe.ema, (1 + done) / (10 + done))

        @ema_momentum.setter
        def ema_momentum(self, value: Any) -> None:
            """Ignore the value, which Keras takes from the recipe."""

    average = {"use_ema": True, "ema_momentum": recipe.ema} if recipe.ema else {}
    optimizer = SgdWithL2(RecipeRate(), momentum=recipe.momentum, **average)
    if recipe.precision == "mixed_float16":
        return keras.mixed_precision.LossScaleOptimizer(optimizer)
    return optimizer
