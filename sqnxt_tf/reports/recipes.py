"""Recipes of training, in tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from sqnxt_tf.reports.tables import Table

if TYPE_CHECKING:
    from sqnxt_tf.training.recipe import Recipe


def recipe_table(recipe: Recipe) -> Table:
    """Return a recipe, one row for each setting."""
    table = Table(["<setting", "<value"])
    for name, value in asdict(recipe).items():
        table.add(name, str(value).lower() if isinstance(value, bool) else str(value))
    return table


def recipes_table(recipes: Mapping[str, Recipe]) -> Table:
    """Return some recipes by name, with what tells them apart."""
    table = Table(["<name", "epochs", "batch", "<optimizer", "rate", "<schedule", "<augmentation"])
    for name, recipe in recipes.items():
        table.add(
            name, f"{recipe.epochs}", f"{recipe.batch}", recipe.optimizer, f"{recipe.rate:g}", recipe.schedule,
            recipe.augmentation,
        )  # fmt: skip
    return table
