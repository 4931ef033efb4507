"""How a trained model is trained further by default."""

from __future__ import annotations

from sqnxt_tf.training.fine_tuning import QAT_RATE, fine_tuning_recipe, pruning_recipe, qat_recipe
from sqnxt_tf.training.recipe_files import FINETUNE, PHOTOS


def test_the_digits_are_fine_tuned_as_the_bundled_recipe_says() -> None:
    assert fine_tuning_recipe(digits=True) == pruning_recipe(digits=True) == FINETUNE
    assert fine_tuning_recipe(digits=True, normed=False).rate < FINETUNE.rate


def test_photographs_are_fine_tuned_with_their_crops_and_at_lower_rates_than_from_scratch() -> None:
    for normed, rate in ((True, 1e-3), (False, 3e-4)):
        recipe = fine_tuning_recipe(digits=False, normed=normed)
        assert (recipe.augmentation, recipe.optimizer, recipe.keep) == ("photos", "adamw", "best")
        assert recipe.rate == rate < PHOTOS.rate
        assert recipe.branch_scale == 1  # the branches have been learnt
        assert recipe.max_shift == 0


def test_no_average_mixes_pruned_weights_in() -> None:
    assert fine_tuning_recipe(digits=False).ema > 0
    assert pruning_recipe(digits=False).ema == 0
    assert pruning_recipe(digits=False, normed=False).rate == 3e-4


def test_rounding_is_learnt_at_a_low_rate_and_its_last_ranges_are_kept() -> None:
    for digits in (True, False):
        recipe = qat_recipe(digits=digits)
        assert (recipe.rate, recipe.keep, recipe.ema) == (QAT_RATE, "last", 0)
        assert recipe.warmup_length(1000) == 0
    assert qat_recipe(digits=False).augmentation == "photos"
