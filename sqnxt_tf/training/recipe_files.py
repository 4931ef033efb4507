"""Recipes as TOML: those that come with the package, a user's own, and single settings from a command line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.recipe import Recipe

__all__ = [
    "CENTROIDS",
    "DIGITS",
    "FINETUNE",
    "NAMES",
    "PAPER",
    "RECIPES",
    "Recipe",
    "load_recipe",
    "packaged",
    "parse_settings",
    "read_recipe",
    "resolve_recipe",
]

NAMES = ("paper", "digits", "finetune", "centroids")
_LARGEST_FILE = 1 << 20  # bytes


def load_recipe(name: str | Path) -> Recipe:
    """A recipe by its name, or from a `.toml` file.

    Raises:
        SqnxtError: Neither, or a file that is no recipe.
    """
    if str(name) in NAMES:
        return packaged(str(name))
    path = Path(name)
    if path.suffix != ".toml":
        raise SqnxtError(f"recipe {str(name)!r}", "is not known", f"give one of {', '.join(NAMES)}, or a .toml file")
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise SqnxtError(path, "is too large for a recipe", "give a file of settings")
        return read_recipe(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SqnxtError(path, f"cannot be read ({error})", "check the path") from None


@cache
def packaged(name: str) -> Recipe:
    """One of the recipes of `presets/`."""
    file = files(__package__) / "presets" / f"{name}.toml"
    return read_recipe(file.read_text("utf-8"), f"{name}.toml")


def read_recipe(text: str, source: str) -> Recipe:
    """A recipe from TOML text; what it leaves out has the defaults of `Recipe`.

    Raises:
        SqnxtError: Not TOML, a setting that is missing, unknown or out of range.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SqnxtError(source, f"is not TOML ({error})", "repair it") from None
    known = list(Recipe.__dataclass_fields__)
    for name in values:
        if name not in known:
            close = get_close_matches(name, known, 1)
            raise SqnxtError(
                source,
                f"{name!r} is not a setting of a recipe",
                f"did you mean {close[0]}?" if close else f"the settings are {', '.join(known)}",
            )
    required = [name for name in ("epochs", "batch", "rate", "warmup_rate", "warmup_steps") if name not in values]
    if required:
        raise SqnxtError(source, f"lacks {', '.join(required)}", "add a line for each")
    return Recipe(**values)


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """What `KEY=VALUE` texts say, values read as TOML; a word needs no quotes.

    Raises:
        SqnxtError: One of them is no `KEY=VALUE`.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.strip().isidentifier():
            raise SqnxtError(f"--set {setting!r}", "is no KEY=VALUE", "write it as in --set momentum=0.85")
        try:
            values[name.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[name.strip()] = text.strip()
    return values


def resolve_recipe(recipe_name: str | None, settings: Iterable[str] = (), *, default: str, **overrides: Any) -> Recipe:
    """The recipe of a command line: its name or the default, `KEY=VALUE` texts, and options of their own, which win.

    Raises:
        SqnxtError: Any of it is unknown or out of range.
    """
    values = {**parse_settings(settings), **{name: value for name, value in overrides.items() if value is not None}}
    return load_recipe(recipe_name or default).overridden(**values)


PAPER, DIGITS, FINETUNE, CENTROIDS = (packaged(name) for name in NAMES)
RECIPES = dict(zip(NAMES, (PAPER, DIGITS, FINETUNE, CENTROIDS), strict=True))
