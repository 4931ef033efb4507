"""The plan of a training run, in tables and one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqnxt_tf.reports.recipes import recipe_table
from sqnxt_tf.reports.tables import Table

if TYPE_CHECKING:
    from sqnxt_tf.workflows.train_plan import TrainingPlan


def plan_tables(plan: TrainingPlan) -> list[Table]:
    """Return the recipe, one row for each setting, and the files that the run writes."""
    files = Table(["<files"])
    for path in plan.files:
        files.add(str(path))
    return [recipe_table(plan.recipe), files]


def plan_line(plan: TrainingPlan) -> str:
    """Return what is trained, for how long, and what it takes, in one line."""
    recipe, (height, width) = plan.recipe, plan.input_size
    name = plan.recipe_words
    kept = f" ({plan.cached_bytes / 1e9:.1f} GB of it images)" if plan.cached_bytes >= 5e7 else ""
    return (
        f"{plan.network} at {height}x{width}, {plan.images[0]:,} images of {plan.classes} classes by {name}: "
        f"{recipe.epochs} epochs of batches of {recipe.batch}, {plan.steps:,} steps, {plan.warmup_steps:,} of them "
        f"warm-up; about {_duration(plan.seconds)} without a graphics card and "
        f"{plan.memory_bytes / 1e9:.1f} GB of memory{kept}"
    )


def _duration(seconds: float) -> str:
    """Return a rough duration, as in `40 seconds`, `12 minutes`, `3.5 hours`."""
    if seconds < 90:
        return f"{max(round(seconds, -1), 10):.0f} seconds"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
