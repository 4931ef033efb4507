"""`sqnxt-tf train`."""

from pathlib import Path
from typing import Any

import click

from . import options
from .output import Output


@click.command("train", short_help="Train a network: .keras out.")
@click.option("--network", required=True, metavar="NAME", help="A network's name; `sqnxt-tf list` shows them.")
@options.data
@options.output("The .keras file to write.")
@click.option("--recipe", "recipe_name", type=click.Choice(["digits", "paper"]), help="Default: digits for digits.")
@click.option("--epochs", type=int, help="Instead of the recipe's.")
@click.option("--batch", type=int, help="Global batch, over all workers, instead of the recipe's.")
@click.option("--rate", type=float, help="Base learning rate instead of the recipe's.")
@options.input_size
@options.seed
@options.strategy
@options.force
@options.output_options
def command(
    network: str,
    data: str,
    output: Path,
    recipe_name: str | None,
    input_size: tuple[int, int] | None,
    seed: int,
    strategy: Any,
    force: bool,
    out: Output,
    **overrides: float | None,
) -> None:
    """Train a network and write a .keras file with its labels and preprocessing.

    The state of the run lives beside it in NAME.train/, with history.csv: the same command again goes on with a run
    that was interrupted.
    """
    from ..reports.results import accuracy_line
    from ..training.recipes import RECIPES
    from ..workflows.train import train

    recipe = RECIPES[recipe_name or ("digits" if data == "digits" else "paper")].overridden(**overrides)
    result = train(
        network,
        output,
        data=data,
        recipe=recipe,
        input_size=input_size,
        seed=seed,
        strategy=strategy,
        force=force,
        progress=out.progress,
    )
    out.document(result.to_json())
    out.text(f"{result.path}: {result.network}, {len(result.history)} epochs; {accuracy_line(result.test)}")
