"""The optimizer of a recipe: SGD with an L2 penalty, or AdamW, at the recipe's learning rate."""

from __future__ import annotations

from typing import Any

from sqnxt_tf.training.recipe import Recipe


def make_optimizer(recipe: Recipe, total_steps: int) -> Any:
    """Make the optimizer of a recipe; call this in the strategy's scope.

    Only kernels decay; biases and batch norm do not. With SGD, the L2 penalty is added to the gradient, as Caffe's
    `weight_decay` is, and so it passes through the momentum. With AdamW, the weights shrink apart from the gradient.

    Args:
        recipe: The numbers of the training.
        total_steps: Steps of the whole run, over which the learning rate falls.
    """
    import tf_keras as keras

    class RecipeRate(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            import tensorflow as tf

            return recipe.rate_at(tf.cast(step, tf.float32), total_steps)

    average = {"use_ema": True, "ema_momentum": recipe.ema} if recipe.ema else {}
    if recipe.optimizer == "adamw":
        optimizer = _adamw(recipe)(RecipeRate(), weight_decay=recipe.weight_decay, beta_1=recipe.momentum, **average)
    else:
        optimizer = _sgd_with_l2(recipe)(RecipeRate(), momentum=recipe.momentum, **average)
    if recipe.precision == "mixed_float16":
        return keras.mixed_precision.LossScaleOptimizer(optimizer)
    return optimizer


def decays(variable: Any) -> bool:
    """Return whether weight decay applies to a variable: to kernels only."""
    return "kernel" in variable.name


def _sgd_with_l2(recipe: Recipe) -> Any:
    import tf_keras as keras

    class SgdWithL2(_averaging(recipe, keras.optimizers.SGD)):  # type: ignore[misc]
        def update_step(self, gradient: Any, variable: Any) -> None:
            if decays(variable):
                gradient = gradient + recipe.weight_decay * variable
            super().update_step(gradient, variable)

    return SgdWithL2


def _adamw(recipe: Recipe) -> Any:
    import tf_keras as keras

    class AdamWOfKernels(_averaging(recipe, keras.optimizers.AdamW)):  # type: ignore[misc]
        def _use_weight_decay(self, variable: Any) -> bool:
            return decays(variable)

    return AdamWOfKernels


def _averaging(recipe: Recipe, optimizer: Any) -> Any:
    """Return an optimizer's class with the recipe's moving average."""

    class Averaging(optimizer):
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

    return Averaging
