"""Recipes as TOML: those that come with the package, a user's own files, and single settings as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqnxt_base.toml_text import parse_toml
from sqnxt_base.user_files import UnreadableTextError, read_text, reason_of
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.recipe import Recipe

__all__ = [
    "CENTROIDS",
    "DIGITS",
    "FINETUNE",
    "NAMES",
    "PAPER",
    "PHOTOS",
    "RECIPES",
    "Recipe",
    "load_recipe",
    "packaged",
    "parse_settings",
    "read_recipe",
    "recipe_text",
    "recipe_words",
    "resolve_recipe",
]

NAMES = ("paper", "photos", "digits", "finetune", "centroids")
"""Names of the recipes that come with the package."""
_LARGEST_FILE = 256 << 10  # bytes
_FEW = 3
"""Settings in which a recipe may differ from a bundled one and still be called by its name."""


def load_recipe(name: str | Path) -> Recipe:
    """Return a recipe of the package by its name, or read one from a `.toml` file.

    Raises:
        SqnxtError: The name is unknown, or the file is not a recipe.
    """
    return packaged(str(name)) if str(name) in NAMES else read_recipe(recipe_text(name), str(name))


def recipe_text(name: str | Path) -> str:
    """Return the TOML text of a recipe of the package, or of a `.toml` file.

    Raises:
        SqnxtError: The name is unknown, or the file cannot be read.
    """
    if str(name) in NAMES:
        return _packaged_text(str(name))
    path = Path(name)
    if path.suffix != ".toml":
        raise SqnxtError(f"recipe {str(name)!r}", "is not known", f"give one of {', '.join(NAMES)}, or a .toml file")
    try:
        return read_text(path, _LARGEST_FILE)
    except UnreadableTextError as error:
        raise SqnxtError(path, f"cannot be read ({error})", "give a file of settings only") from None
    except (OSError, ValueError) as error:  # a NUL in a path is a ValueError
        raise SqnxtError(path, f"cannot be read ({reason_of(error)})", "check the path") from None


@cache
def packaged(name: str) -> Recipe:
    """Return one of the recipes in `presets/`."""
    return read_recipe(_packaged_text(name), f"{name}.toml")


def _packaged_text(name: str) -> str:
    return (files(__package__) / "presets" / f"{name}.toml").read_text("utf-8")


def read_recipe(text: str, source: str) -> Recipe:
    """Parse a recipe from TOML text; settings that it leaves out have the defaults of `Recipe`.

    Raises:
        SqnxtError: The text is not TOML, or a setting is missing, unknown or out of range.
    """
    try:
        values = parse_toml(text)
    except UnreadableTextError as error:
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
    if "warmup_epochs" in values:
        values.setdefault("warmup_steps", 0)
    required = [name for name in ("epochs", "batch", "rate", "warmup_rate", "warmup_steps") if name not in values]
    if required:
        raise SqnxtError(source, f"lacks {', '.join(required)}", "add a line for each")
    return Recipe(**values)


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Parse texts of the form `KEY=VALUE`, whose values are TOML; a single word needs no quotes.

    Raises:
        SqnxtError: A text does not have this form.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.strip().isidentifier():
            raise SqnxtError(f"setting {setting!r}", "is not KEY=VALUE", "write it as in momentum=0.85")
        try:
            values[name.strip()] = parse_toml(f"value = {text}")["value"]
        except UnreadableTextError:
            values[name.strip()] = text.strip()
    return values


def resolve_recipe(recipe_name: str | None, settings: Iterable[str] = (), *, default: str, **overrides: Any) -> Recipe:
    """Return a recipe by its name or the default, changed by `KEY=VALUE` texts and by `overrides`, which win.

    Raises:
        SqnxtError: The recipe or a setting is unknown, or a value is out of range.
    """
    values = {**parse_settings(settings), **{name: value for name, value in overrides.items() if value is not None}}
    return load_recipe(recipe_name or default).overridden(**values)


RECIPES = {name: packaged(name) for name in NAMES}
PAPER, PHOTOS, DIGITS, FINETUNE, CENTROIDS = RECIPES.values()


def recipe_words(recipe: Recipe) -> str:
    """Return the nearest bundled recipe and what differs from it, as in `recipe photos with epochs = 12`."""
    values = asdict(recipe)
    changes = {
        name: {key: value for key, value in values.items() if value != asdict(bundled)[key]}
        for name, bundled in RECIPES.items()
    }
    name, changed = min(changes.items(), key=lambda item: len(item[1]))
    if len(changed) > _FEW:
        return "a recipe of your own"
    words = " and ".join(f"{key} = {value}" for key, value in changed.items())
    return f"recipe {name}{f' with {words}' if words else ''}"
