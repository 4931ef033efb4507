"""Recipes and spaces of the package, printed as files to start from."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sqnxt_tf.cli.main import main
from sqnxt_tf.exploration.space_file import list_spaces, load_space
from sqnxt_tf.training.recipe_files import NAMES, RECIPES, load_recipe


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_that_is_printed_is_the_recipe(name: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(run("recipes", name, "--toml").output)
    assert load_recipe(path) == RECIPES[name]
    assert run("recipes", path, "--toml").output == path.read_text()
    shown = run("recipes", path).output
    assert all(f" {setting} " in shown for setting in asdict(RECIPES[name]))


@pytest.mark.parametrize("name", list_spaces())
def test_a_space_that_is_printed_is_the_space(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.toml"
    path.write_text(run("search", name, "--toml").output)
    assert load_space(path) == load_space(name)


def test_what_is_not_bundled_is_refused_and_a_file_is_printed_alone() -> None:
    assert run("recipes", "photo").exit_code != 0
    assert "leave out --json" in run("recipes", "photos", "--toml", "--json").output
    assert "leave out --json" in run("search", "digits", "--toml", "--json").output
    assert "give its name" in run("recipes", "--toml").output
