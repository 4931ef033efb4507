"""`sqnxt-tf train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.output import Output

MODEL = click.Path(path_type=Path)
_MOST_LOCAL_WORKERS = 64
recipe_options = flags.together(
    "recipe_choice",
    recipe_name=click.option(
        "--recipe", "recipe_name", metavar="NAME|FILE.toml",
        help="paper, digits or finetune. Default: finetune with --from, digits for digits, else paper.",
    ),
    settings=click.option(
        "--set", "settings", multiple=True, metavar="KEY=VALUE",
        help="Any setting of the recipe, as in --set schedule=cosine; may be repeated.",
    ),
    epochs=click.option("--epochs", type=int, help="Instead of the recipe's."),
    batch=click.option(
        "--batch", type=int, help="Global batch, over all workers; the rate and the warm-up follow it."
    ),
    augmentation=click.option(
        "--augmentation", type=click.Choice(["none", "standard"]),
        help="Of images on disk, instead of the recipe's: the centre alone, or random crop, flip and colours.",
    ),
    rate=click.option("--rate", type=float, help="Base learning rate instead of the recipe's."),
)  # fmt: skip
helper_options = flags.together(
    "helpers",
    start_from=click.option("--from", "start_from", type=MODEL, help="Begin with the weights of this .keras file."),
    teacher=click.option("--teacher", type=MODEL, help="A .keras file whose answers are followed (distillation)."),
    classes=click.option("--classes", type=click.IntRange(2, 1_000_000), help="How many the data must have."),
)
saving_options = flags.together(
    "saving",
    steps=click.option(
        "--checkpoint-steps", "steps", type=click.IntRange(1), help="Save every so many steps, beside every epoch."
    ),
    minutes=click.option(
        "--checkpoint-minutes", "minutes", type=click.FloatRange(0, min_open=True), default=10.0, show_default=True,
        help="Save every so many minutes.",
    ),
)  # fmt: skip


@click.command("train", short_help="Train a network: .keras out.")
@click.option("--network", metavar="NAME", help="A network's name; `sqnxt-tf list` shows them. Not needed with --from.")
@flags.data
@flags.output("The .keras file to write.")
@recipe_options
@helper_options
@flags.input_size
@flags.seed
@flags.strategy
@click.option(
    "--local-workers",
    type=click.IntRange(1, _MOST_LOCAL_WORKERS),
    default=1,
    help="Train with that many processes here.",
)
@saving_options
@flags.max_unreadable
@flags.force
@flags.output_options
def command(
    network: str | None,
    data: str,
    output: Path,
    recipe_choice: dict[str, Any],
    helpers: dict[str, Any],
    input_size: tuple[int, int] | None,
    seed: int,
    strategy: Any,
    local_workers: int,
    saving: dict[str, Any],
    max_unreadable: int,
    force: bool,
    out: Output,
) -> int | None:
    """Train a network and write a .keras file with its labels and preprocessing.

    The state of the run lives beside it in NAME.train/, with history.csv and curves for TensorBoard: the same command
    again goes on with a run that was interrupted, whatever ended it.
    """
    if network is None and helpers["start_from"] is None:
        raise click.UsageError("Missing option '--network'")
    if local_workers > 1 and (code := _start_workers(local_workers, strategy)) is not None:
        return code
    from sqnxt_tf.reports.results import accuracy_line
    from sqnxt_tf.training.recipe_files import resolve_recipe
    from sqnxt_tf.training.run_options import Saving
    from sqnxt_tf.workflows.train import train

    result = train(
        network,
        output,
        data=data,
        recipe=resolve_recipe(**recipe_choice, default=_default_recipe(data, helpers)),
        input_size=input_size,
        seed=seed,
        strategy=strategy,
        saving=Saving(**saving),
        max_unreadable=max_unreadable,
        force=force,
        progress=out.progress,
        **helpers,
    )
    out.document(result.to_json())
    out.text(f"{result.path}: {result.network}, {len(result.history)} epochs; {accuracy_line(result.test)}")
    for note in result.notes:
        out.note(f"note: {note}")
    _draw(result, out)
    return None


def _start_workers(workers: int, strategy: str) -> int | None:
    """The exit code of all of them together; None where this process is one of them."""
    from sqnxt_tf.training import local_workers

    if local_workers.is_local_worker():
        local_workers.end_with_parent()
        return None
    if strategy not in ("auto", "multi-worker"):
        raise click.UsageError(f"--local-workers and --strategy {strategy} exclude each other; leave one out")
    return local_workers.run_local_workers(local_workers.own_command(), workers)


def _default_recipe(data: str, helpers: dict[str, Any]) -> str:
    if helpers["start_from"] is not None:
        return "finetune"
    return "digits" if data == "digits" else "paper"


def _draw(result: Any, out: Output) -> None:
    """The picture of the run beside its history, where matplotlib is there and this process wrote the rest."""
    from sqnxt_export import ExportError
    from sqnxt_tf.errors import SqnxtError
    from sqnxt_tf.reports.history import draw_history
    from sqnxt_tf.training.strategies import is_chief

    if not is_chief():
        return
    path = result.path.with_suffix(".train") / "history.png"
    try:
        draw_history(result.history, path, title=f"{result.network}, {result.test.data}", force=True)
    except (SqnxtError, ExportError) as error:  # the model is there
        out.note(f"no picture of the run: {error}")
    else:
        out.note(f"loss and accuracy: {path}")
