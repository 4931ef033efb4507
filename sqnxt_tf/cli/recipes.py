"""`sqnxt-tf recipes`."""

from __future__ import annotations

from dataclasses import asdict

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.completion import complete_recipe
from sqnxt_tf.cli.output import Output


@click.command("recipes", short_help="List the recipes of training, or show one in full.")
@click.argument("name", required=False, shell_complete=complete_recipe)
@click.option("--toml", "as_toml", is_flag=True, help="Print the file of NAME.")
@flags.output_options
def command(name: str | None, as_toml: bool, out: Output) -> None:
    """List the recipes of training; with NAME (a bundled one or a .toml file), show every setting of it.

    For a recipe of your own: `sqnxt-tf recipes photos --toml > mine.toml`, change it, and name it with
    `--recipe mine.toml`.
    """
    from sqnxt_tf.reports.recipes import recipe_table, recipes_table
    from sqnxt_tf.training.recipe_files import NAMES, load_recipe, recipe_text

    if as_toml:
        if name is None or out.as_json:
            raise click.UsageError("--toml prints one recipe's file: give its name, and leave out --json")
        out.file(recipe_text(name))
        return
    recipes = {one: load_recipe(one) for one in ([name] if name else NAMES)}
    out.document([{"name": one, **asdict(recipe)} for one, recipe in recipes.items()])
    out.table(recipe_table(recipes[name]) if name else recipes_table(recipes))
    if not name:
        out.text("`sqnxt-tf recipes NAME` shows every setting; `--toml` prints its file.")
