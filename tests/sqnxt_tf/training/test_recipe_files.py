from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.recipe_files import DIGITS, NAMES, PAPER, RECIPES, load_recipe, resolve_recipe

IMAGENET_IMAGES = 1_281_167
PAPER_ITERATIONS = 150_136  # of the published solver


def test_the_papers_schedule() -> None:
    assert PAPER.epochs * IMAGENET_IMAGES // PAPER.batch == PAPER_ITERATIONS
    rates = [PAPER.rate_at(step, PAPER_ITERATIONS) for step in (0, 390, 780, PAPER_ITERATIONS // 2, PAPER_ITERATIONS)]
    assert rates == pytest.approx([0.1, 0.25, 0.4 * (1 - 780 / PAPER_ITERATIONS) ** 2, 0.1, 0.0])


@settings(deadline=None)  # the first call imports TensorFlow
@given(st.integers(0, 799))
def test_tensors_and_numbers_give_the_same_rate(step: int) -> None:
    import tensorflow as tf

    tensor = DIGITS.rate_at(tf.constant(step, tf.float32), 800)
    assert float(tensor) == pytest.approx(DIGITS.rate_at(step, 800), rel=1e-5, abs=1e-9)


def test_the_rate_never_rises_after_the_warm_up() -> None:
    rates = [DIGITS.rate_at(step, 800) for step in range(800)]
    assert np.all(np.diff(rates[: DIGITS.warmup_steps]) > 0)
    assert np.all(np.diff(rates[DIGITS.warmup_steps :]) < 0)


def test_the_last_batch_of_an_epoch_counts() -> None:
    assert replace(DIGITS, batch=32).steps_per_epoch(1259) == 40


@pytest.mark.parametrize(("field", "value"), [("epochs", 0), ("batch", -1), ("rate", -0.1), ("momentum", 1.0)])
def test_numbers_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(SqnxtError, match=f"recipe: {field} = {value} is out of range"):
        replace(DIGITS, **{field: value})


def test_the_rate_and_the_warm_up_follow_the_global_batch() -> None:
    larger = PAPER.overridden(batch=2048)
    assert (larger.rate, larger.warmup_rate, larger.warmup_steps) == pytest.approx((0.8, 0.2, 390))
    given = PAPER.overridden(batch=512, rate=0.1, warmup_steps=5)
    assert (given.rate, given.warmup_rate, given.warmup_steps) == pytest.approx((0.1, 0.025, 5))
    assert PAPER.overridden() == PAPER


def test_a_warm_up_by_epochs_follows_the_length_of_the_run(tmp_path: Path) -> None:
    recipe = replace(DIGITS, epochs=10, warmup_epochs=1.5)
    assert recipe.warmup_length(400) == 60
    assert recipe.rate_at(60, 400) == pytest.approx(recipe.rate * (1 - 60 / 400) ** 2)
    assert recipe.rate_at(59, 400) < recipe.rate
    assert recipe.overridden(batch=64).warmup_length(200) == 30
    assert recipe.overridden(warmup_steps=7).warmup_length(400) == 7
    path = tmp_path / "mine.toml"
    path.write_text("epochs = 4\nbatch = 8\nrate = 0.1\nwarmup_rate = 0\nwarmup_epochs = 1\n")
    assert load_recipe(path).warmup_length(40) == 10


def test_the_rate_of_adamw_follows_the_root_of_the_batch() -> None:
    recipe = replace(DIGITS, optimizer="adamw", rate=0.001, warmup_rate=0.0001)
    larger = recipe.overridden(batch=128)
    assert (larger.rate, larger.warmup_rate) == pytest.approx((0.002, 0.0002))


def test_a_cosine_falls_from_the_warm_up_to_zero() -> None:
    recipe = replace(DIGITS, schedule="cosine")
    rates = [recipe.rate_at(step, 800) for step in (0, 40, 420, 800)]
    assert rates == pytest.approx([0.02, 0.1, 0.05, 0.0])
    import tensorflow as tf

    tensors = [float(recipe.rate_at(tf.constant(step, tf.float32), 800)) for step in (0, 40, 420, 800)]
    assert tensors == pytest.approx(rates, abs=1e-7)


def test_every_packaged_recipe_can_be_read() -> None:
    assert {name: load_recipe(name) for name in NAMES} == RECIPES
    assert RECIPES["digits"].max_shift == 6


def test_a_recipe_of_ones_own_takes_settings_from_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('epochs = 3\nbatch = 8\nrate = 0.1\nwarmup_rate = 0\nwarmup_steps = 2\nschedule = "cosine"\n')
    recipe = resolve_recipe(str(path), ["ema=0.99", "precision=mixed_bfloat16"], default="digits", epochs=5, rate=None)
    assert (recipe.epochs, recipe.batch, recipe.schedule, recipe.ema) == (5, 8, "cosine", 0.99)
    assert recipe.precision == "mixed_bfloat16"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("epochs = 3", "lacks batch, rate, warmup_rate, warmup_steps"),
        ("epoch = 3", "'epoch' is not a setting of a recipe; did you mean epochs?"),
        ("epochs = ", "is not TOML"),
        ('epochs = "3"', "epochs = '3' is not a whole number"),
        ("epochs = 1.5", "epochs = 1.5 is not a whole number"),
        ("rate = true", "rate = True is not a number"),
        ('schedule = "step"', "schedule = 'step' is not known; give one of polynomial, cosine"),
        ("synchronized_batch_norm = 1", "synchronized_batch_norm = 1 is not a boolean"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "mine.toml"
    whole = {"epochs": "1", "batch": "1", "rate": "0.1", "warmup_rate": "0", "warmup_steps": "0"}
    rest = "" if "lacks" in fault else "".join(f"{k} = {v}\n" for k, v in whole.items() if not text.startswith(f"{k} "))
    path.write_text(f"{rest}{text}\n")
    with pytest.raises(SqnxtError, match=re.escape(fault)):
        load_recipe(path)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (["epochs"], "is not KEY=VALUE"),
        (["=3"], "is not KEY=VALUE"),
        (["epoch=3"], "recipe: has no epoch; its settings are epochs, batch"),
        (["epochs=many"], "epochs = 'many' is not a whole number"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: list[str], fault: str) -> None:
    with pytest.raises(SqnxtError, match=re.escape(fault)):
        resolve_recipe(None, settings, default="digits")


def test_settings_of_whole_numbers_are_those_with_an_integer_as_their_type() -> None:
    whole = [field.name for field in fields(Recipe) if field.type == "int"]
    assert whole == ["epochs", "batch", "warmup_steps", "max_shift", "patience"]
    for name in whole:
        with pytest.raises(SqnxtError, match=rf"{name} = 1\.5 is not a whole number"):
            replace(DIGITS, **{name: 1.5})


def test_the_docstring_names_every_setting_with_its_range() -> None:
    text = Recipe.__doc__ or ""
    for field in fields(Recipe):
        assert f"\n        {field.name}: " in text


def test_a_recipe_that_is_not_there_is_told() -> None:
    with pytest.raises(SqnxtError, match=r"recipe 'papers': is not known; give one of paper, photos, digits"):
        load_recipe("papers")
    with pytest.raises(SqnxtError, match=r"nowhere.toml: cannot be read"):
        load_recipe("nowhere.toml")
