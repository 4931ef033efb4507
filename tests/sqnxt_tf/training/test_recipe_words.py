"""How the plan of a run calls its recipe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sqnxt_tf.training.recipe_files import PAPER, PHOTOS, RECIPES, recipe_words


@pytest.mark.parametrize("name", RECIPES)
def test_a_bundled_recipe_goes_by_its_name(name: str) -> None:
    assert recipe_words(RECIPES[name]) == f"recipe {name}"


def test_a_few_changes_are_told_and_many_make_another_recipe() -> None:
    assert recipe_words(replace(PHOTOS, epochs=3)) == "recipe photos with epochs = 3"
    changed = replace(PAPER, epochs=9, label_smoothing=0.2)
    assert recipe_words(changed) == "recipe paper with epochs = 9 and label_smoothing = 0.2"
    other = replace(PHOTOS, epochs=9, batch=7, rate=0.5, label_smoothing=0.3)
    assert recipe_words(other) == "a recipe of your own"
