"""`sqnxt-tf prune`."""

from pathlib import Path
from typing import Any

import click

from . import options
from .output import Output


@click.command("prune", short_help="Prune a model and fine-tune it.")
@options.file_argument("model")
@click.option("--sparsity", type=float, default=0.4, show_default=True, help="Fraction of zeros in each kernel.")
@click.option(
    "--schedule",
    type=click.Choice(["constant", "polynomial"]),
    default="constant",
    show_default=True,
    help="All at once, or rising over the first half of the steps.",
)
@options.data
@options.output("The .keras file to write.")
@click.option("--epochs", type=int, help="Of fine-tuning, instead of the recipe's.")
@click.option("--batch", type=int, help="Global batch instead of the recipe's.")
@click.option("--rate", type=float, help="Learning rate instead of the recipe's.")
@options.seed
@options.strategy
@options.force
@options.output_options
def command(
    model: Path,
    sparsity: float,
    schedule: Any,
    data: str,
    output: Path,
    seed: int,
    strategy: Any,
    force: bool,
    out: Output,
    **overrides: float | None,
) -> None:
    """Prune MODEL (.keras) by magnitude, fine-tune it, and count the zeros that are left, layer by layer."""
    from ..reports.results import accuracy_line, zeros_table
    from ..training.recipes import FINETUNE
    from ..workflows.prune import prune

    recipe = FINETUNE.overridden(**overrides)
    result = prune(
        model,
        output,
        sparsity=sparsity,
        schedule=schedule,
        data=data,
        recipe=recipe,
        seed=seed,
        strategy=strategy,
        force=force,
        progress=out.progress,
    )
    out.document(result.to_json())
    out.table(zeros_table({layer.name: (layer.zeros, layer.weights) for layer in result.layers}))
    out.text(f"{result.path}: {accuracy_line(result.test)}; {100 * result.top1_before:.1f} % before pruning")
