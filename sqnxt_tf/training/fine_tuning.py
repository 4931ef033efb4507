"""How a trained model is trained further where nobody says it: on the digits, or on photographs."""

from __future__ import annotations

from dataclasses import replace

from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.recipe_files import FINETUNE, PHOTOS

WITHOUT_NORM = replace(FINETUNE, rate=0.005, warmup_rate=0.0005, warmup_steps=80)
"""No batch norm keeps these in bounds: at 0.01 from the first step a SqueezeNet that had just lost filters stayed at
chance with one of two seeds."""
PHOTO_FINETUNE = replace(PHOTOS, epochs=12, rate=1e-3, branch_scale=1.0)
"""A third of the epochs and of the rate of a run from scratch, and whole branches: the model knows much already."""
PHOTO_FINETUNE_WITHOUT_NORM = replace(PHOTO_FINETUNE, rate=3e-4)
QAT_RATE = 1e-4
"""With rounding, batch norm is folded, and without it a model bears low rates only."""


def fine_tuning_recipe(*, digits: bool, normed: bool = True) -> Recipe:
    """Return how a model is fine-tuned: with crops on photographs, and gently without batch norm.

    Args:
        digits: Whether the data are the digits; anything else counts as photographs.
        normed: Whether the model has batch norm.
    """
    if digits:
        return FINETUNE if normed else WITHOUT_NORM
    return PHOTO_FINETUNE if normed else PHOTO_FINETUNE_WITHOUT_NORM


def pruning_recipe(*, digits: bool, normed: bool = True) -> Recipe:
    """Return how what pruning left is fine-tuned. Averages over steps would mix in weights that are gone."""
    return replace(fine_tuning_recipe(digits=digits, normed=normed), ema=0.0)


def qat_recipe(*, digits: bool) -> Recipe:
    """Return how a model is fine-tuned with the rounding of integers."""
    recipe = replace(pruning_recipe(digits=digits), keep="last")  # the ranges of the last step are those that are kept
    return replace(recipe, epochs=3, rate=QAT_RATE, warmup_rate=QAT_RATE, warmup_epochs=0)
