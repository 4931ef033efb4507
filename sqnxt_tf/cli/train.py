"""`sqnxt-tf train`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sqnxt_tf.cli import flags, limit_flags, training_flags
from sqnxt_tf.cli.completion import complete_network, complete_recipe, complete_space
from sqnxt_tf.cli.output import Output

if TYPE_CHECKING:
    from sqnxt_tf.options.training import TrainOptions
    from sqnxt_tf.workflows.train import TrainingResult

F = TypeVar("F", bound=Callable[..., Any])
_MODEL = click.Path(path_type=Path)
_MOST_LOCAL_WORKERS = 64
_LONG = 60.0  # seconds from which on a run tells its plan


def _trains_here(settings: Mapping[str, Any]) -> bool:
    """Tell whether this process does the work, not one that it starts for each local worker.

    It has a parent even if it opens no file from anyone: TensorFlow waits for lost workers in C++ code that lets no
    Python run, and only another process can then answer a signal.
    """
    from sqnxt_tf.training.local_workers import is_local_worker

    return settings["local_workers"] == 1 or settings["dry_run"] or is_local_worker()


def _ended_with_parent(verb: F) -> F:
    """Let the system end a local worker with the process that started it, whatever either is doing."""

    @wraps(verb)
    def ended_with_parent(**settings: Any) -> Any:
        from sqnxt_base.watching import end_with_parent
        from sqnxt_tf.training.local_workers import is_local_worker

        if is_local_worker():
            end_with_parent()
        return verb(**settings)

    return ended_with_parent  # type: ignore[return-value]


@click.command("train", short_help="Train a network and write a .keras file.")
@click.option(
    "--network",
    metavar="NAME",
    shell_complete=complete_network,
    help="Name of the network (`sqnxt-tf list`). Not needed with --from, --model and --supernet.",
)
@click.option(
    "--supernet",
    metavar="SPACE",
    shell_complete=complete_space,
    help="Train all networks of a space (`search`) together, as slices of the largest one.",
)
@click.option(
    "--drawn",
    type=click.IntRange(0, 16),
    default=2,
    show_default=True,
    metavar="N",
    help="Networks of --supernet that are drawn in each step, beside the largest and the smallest.",
)
@flags.data
@flags.output("The .keras file to write.")
@click.option(
    "--recipe",
    "recipe_name",
    metavar="NAME|FILE.toml",
    shell_complete=complete_recipe,
    help="paper, photos, digits, finetune, or your own file. Default: finetune with --from, digits for the digits, "
    "photos for other data below 100,000 images, else paper.",
)
@click.option(
    "--set",
    "recipe_settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one setting of the recipe, as in --set schedule=cosine; may be repeated.",
)
@click.option("--epochs", type=int, help="Number of epochs, in place of the recipe's.")
@click.option("--batch", type=int, help="Global batch over all workers; the learning rate and the warm-up follow it.")
@click.option(
    "--augmentation",
    type=click.Choice(["none", "standard", "photos", "randaugment"]),
    help="Augmentation of images on disk: the centre crop alone; random crop, flip and colours; these more gently; or "
    "RandAugment's operations in place of the colours.",
)
@click.option("--rate", type=float, help="Base learning rate, in place of the recipe's.")
@click.option("--model", type=_MODEL, help="Train this .keras or .h5 file of a functional classifier of your own.")
@click.option("--from", "start_from", type=_MODEL, help="Begin with the weights of this .keras file.")
@click.option("--teacher", type=_MODEL, help="Distil from this .keras file.")
@flags.preprocessing
@training_flags.qat("Fine-tune the model of --from with the rounding of artifacts of this precision.")
@click.option("--classes", type=click.IntRange(2, 1_000_000), help="Number of classes that the data must have.")
@flags.input_size
@flags.seed
@training_flags.strategy
@training_flags.wait
@click.option(
    "--local-workers",
    type=click.IntRange(1, _MOST_LOCAL_WORKERS),
    default=1,
    help="Train with this many processes on this machine.",
)
@click.option("--checkpoint-steps", type=click.IntRange(1), help="Save every N steps, in addition to every epoch.")
@click.option(
    "--checkpoint-minutes",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    help="Save every N minutes.",
)
@training_flags.max_unreadable
@click.option("--dry-run", is_flag=True, help="Print the plan of the run, and neither train nor write anything.")
@flags.force
@_ended_with_parent
@limit_flags.opening_limits_where(_trains_here)
@flags.output_options
def command(
    network: str | None, output: Path, local_workers: int, dry_run: bool, force: bool, out: Output, **settings: Any
) -> int | None:
    """Train a network and write a .keras file with its labels and preprocessing.

    The state of the run lives beside it in NAME.train/, with history.csv and curves for TensorBoard. The same command
    again resumes a run that was interrupted, whatever ended it. Before it begins, it prints what it will take.
    """
    if all(choice is None for choice in (network, *map(settings.get, ("start_from", "model", "supernet")))):
        raise click.UsageError("Missing option '--network'")
    if settings["supernet"] is None:
        flags.refuse_given("goes with --supernet SPACE only", "drawn")
    if dry_run:
        _show_plan(network, output, settings, out)
        return None
    if local_workers > 1 and (code := _start_workers(local_workers, settings["strategy"])) is not None:
        return code
    from sqnxt_tf.reports.plan import plan_line
    from sqnxt_tf.reports.results import accuracy_line
    from sqnxt_tf.workflows.train import train
    from sqnxt_tf.workflows.train_plan import TrainingPlan

    def announce(plan: TrainingPlan) -> None:
        if plan.seconds >= _LONG:
            out.note(plan_line(plan))
        for note in plan.notes:
            out.note(f"note: {note}")

    result = train(network, output, _options(settings), force=force, progress=out.progress, on_plan=announce)
    out.document(result.to_json())
    out.text(f"{result.path}: {result.network}, {len(result.history)} epochs; {accuracy_line(result.test)}")
    for note in result.notes:
        out.note(f"note: {note}")
    _draw(result, out)
    return None


def _options(settings: dict[str, Any]) -> TrainOptions:
    """Return the options, with the recipe and the changes of it that the command line describes."""
    from sqnxt_tf.options.training import TrainOptions
    from sqnxt_tf.training.recipe_files import load_recipe, parse_settings
    from sqnxt_tf.training.run_options import Saving

    given = {name: settings.pop(name) for name in ("epochs", "batch", "augmentation", "rate")}
    name, texts = settings.pop("recipe_name"), settings.pop("recipe_settings")
    steps, minutes = settings.pop("checkpoint_steps"), settings.pop("checkpoint_minutes")
    changes = {**parse_settings(texts), **{key: value for key, value in given.items() if value is not None}}
    return TrainOptions(
        **settings, recipe=None if name is None else load_recipe(name), changes=changes,
        saving=Saving(steps=steps, minutes=minutes),
    )  # fmt: skip


def _show_plan(network: str | None, output: Path, settings: dict[str, Any], out: Output) -> None:
    from sqnxt_tf.reports.plan import plan_line, plan_tables
    from sqnxt_tf.workflows.train import plan_training

    plan = plan_training(network, output, _options(settings))
    out.document(plan.to_json())
    for table in plan_tables(plan):
        out.table(table)
    out.text(plan_line(plan))
    for note in plan.notes:
        out.note(f"note: {note}")


def _start_workers(workers: int, strategy: str) -> int | None:
    """Return the exit code of all workers together; None where this process is one of them."""
    from sqnxt_tf.training import local_workers

    if local_workers.is_local_worker():
        local_workers.end_with_parent()
        return None
    if strategy not in ("auto", "multi-worker"):
        raise click.UsageError(f"--local-workers and --strategy {strategy} exclude each other; leave one out")
    return local_workers.run_local_workers(local_workers.own_command(), workers)


def _title(result: TrainingResult) -> str:
    """Return what was trained on what; the test part, which is in none of the curves, is named with its figure."""
    test = result.test
    return f"{result.network}: top-1 of {100 * test.top1:.1f} % of {test.samples:,} images of {test.data}"


def _draw(result: TrainingResult, out: Output) -> None:
    """Draw the run beside its history, where matplotlib is installed and this process wrote the rest."""
    from sqnxt_tf.errors import SqnxtError
    from sqnxt_tf.reports.history import draw_history
    from sqnxt_tf.training.strategies import is_chief

    if not is_chief():
        return
    path = result.path.with_suffix(".train") / "history.png"
    try:
        draw_history(result.history, path, title=_title(result), force=True)
    except SqnxtError as error:  # the model is written
        out.note(f"no picture of the run: {error}")
    else:
        out.note(f"loss and accuracy: {path}")
