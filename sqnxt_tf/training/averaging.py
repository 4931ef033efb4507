"""The moving average of a model's weights, which Keras's optimizers keep but do not offer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqnxt_tf.training.recipe import Recipe


@contextmanager
def averaged(model: Any, optimizer: Any, recipe: Recipe) -> Iterator[None]:
    """Give the model the average of its weights while the block lasts, if the recipe has one."""
    if not recipe.ema:
        yield
        return
    own = [variable.numpy() for variable in model.trainable_variables]
    adopt_average(model, optimizer)
    try:
        yield
    finally:
        _assign(model, own)


def adopt_average(model: Any, optimizer: Any) -> None:
    """Give the model the average of its weights; the statistics of batch norm are averages already."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    _assign(model, [variable.numpy() for variable in inner._model_variables_moving_average])


def _assign(model: Any, values: Sequence[Any]) -> None:
    for variable, value in zip(model.trainable_variables, values, strict=True):
        variable.assign(value)
