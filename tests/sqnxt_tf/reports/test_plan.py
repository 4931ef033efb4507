"""How the plan of a run calls its recipe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sqnxt_tf.reports.plan import _recipe_named
from sqnxt_tf.training.recipe_files import PAPER, PHOTOS, RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_a_bundled_recipe_goes_by_its_name(name: str) -> None:
    assert _recipe_named(RECIPES[name]) == f"recipe {name}"


def test_a_few_changes_are_told_and_many_make_another_recipe() -> None:
    assert _recipe_named(replace(PHOTOS, epochs=3)) == "recipe photos with epochs = 3"
    changed = replace(PAPER, epochs=9, label_smoothing=0.2)
    assert _recipe_named(changed) == "recipe paper with epochs = 9 and label_smoothing = 0.2"
    other = replace(PHOTOS, epochs=9, batch=7, rate=0.5, label_smoothing=0.3)
    assert _recipe_named(other) == "a recipe of your own"
