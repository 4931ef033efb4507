"""`sqnxt-tf search`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqnxt_tf.cli import flags, training_flags
from sqnxt_tf.cli.completion import complete_network, complete_objectives, complete_space
from sqnxt_tf.cli.output import Output

if TYPE_CHECKING:
    from sqnxt_tf.exploration.space import Space
    from sqnxt_tf.options.searching import FinalistOptions, SearchOptions

# Figure -> how the help of its option calls it.
_LIMITS = {
    "cycles": "number of cycles",
    "time_ms": "time, in milliseconds",
    "energy": "energy, in MACs",
    "params": "number of parameters",
    "macs": "number of MACs",
    "dram_bytes": "DRAM traffic, in bytes",
    "area": "area, in PEs",
}


def _limit_options(verb: Any) -> Any:
    """Add `--max-cycles` and the others."""
    for name, figure in reversed(_LIMITS.items()):
        flag = f"--max-{name.replace('_', '-')}"
        verb = click.option(flag, f"max_{name}", type=flags.QUANTITY, help=f"Reject candidates above this {figure}.")(
            verb
        )
    return verb


@click.command("search", short_help="Search networks and accelerators together for the cheapest.")
@click.argument("space", default="paper", shell_complete=complete_space)
@click.option(
    "--objectives",
    metavar="NAMES",
    shell_complete=complete_objectives,
    help="Figures to minimise, or to maximise with a +, as in cycles,+macs; the space's own by default. "
    "--supernet and --train-epochs add accuracy.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="NAME=VALUES",
    help="Keep only these values of a dimension, as in stem_kernel=5,7; may be repeated.",
)
@_limit_options
@click.option(
    "--exact",
    is_flag=True,
    help="Find the true Pareto set of a space of any size, by sums over stages; keep that alone.",
)
@click.option("--trials", type=int, metavar="N", help="Sample N pairs instead of costing every pair.")
@click.option(
    "--sampler",
    type=click.Choice(["nsga2", "tpe", "random"]),
    default="nsga2",
    show_default=True,
    help="Optuna's sampler.",
)
@click.option(
    "--storage", metavar="FILE|URL", help="Keep the trials there; the same command resumes from them after a kill."
)
@click.option("--population", type=int, default=50, show_default=True, help="Trials of a generation of nsga2.")
@flags.seed
@click.option(
    "--worker",
    type=click.IntRange(0, 10_000),
    default=0,
    show_default=True,
    help="Worker number; must differ between processes that share a storage.",
)
@click.option(
    "--train-epochs",
    type=int,
    metavar="N",
    help="Train the survivors by successive halving, the finalists for N epochs, into -o FOLDER.",
)
@click.option(
    "--supernet",
    type=click.Path(path_type=Path),
    metavar="FILE.keras",
    help="Judge every network by this supernet (`train --supernet SPACE`), and maximise its accuracy.",
)
@flags.data
@click.option(
    "--survivors", type=int, default=16, show_default=True, help="Number of networks that training begins with."
)
@training_flags.strategy
@training_flags.wait
@click.option(
    "--against",
    metavar="NETWORK",
    shell_complete=complete_network,
    help="Show what beats this network of the space, on each accelerator.",
)
@click.option(
    "--build",
    type=click.IntRange(min=1),
    metavar="RANK",
    help="Build this member of the Pareto set, with the weights of --supernet or random ones: -o FILE.keras.",
)
@flags.output("The .keras file of --build, or the folder of --train-epochs.", required=False)
@click.option("--picture", type=click.Path(path_type=Path), help="Draw all candidates to this .html file.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the Pareto set as CSV on stdout and nothing else there.")
@click.option(
    "--all", "everything", is_flag=True, help="Include all candidates in --csv and --json, not the Pareto set alone."
)
@click.option("--toml", "as_toml", is_flag=True, help="Print the file of SPACE, and search nothing.")
@flags.force
@flags.output_options
def command(
    space: str, only: tuple[str, ...], train_epochs: int | None, as_toml: bool, out: Output, **settings: Any
) -> None:
    """Cost the networks and accelerators of SPACE together, and show those that no other dominates.

    SPACE is a .toml file or a bundled one: `paper`, every placement of the paper's blocks on both of its arrays;
    `digits` and `photos`, small enough to train; `wide`, for --exact or --trials N. It needs neither Keras nor ONNX.
    """
    from sqnxt_tf.cli.search_answers import Answers
    from sqnxt_tf.exploration.space_file import load_space, space_text
    from sqnxt_tf.workflows.search import count_classes, search

    if as_toml:
        if out.as_json:
            raise click.UsageError("--toml prints the file of SPACE: leave out --json")
        out.file(space_text(space))
        return
    _check_together(settings, train_epochs, as_json=out.as_json)
    options = _search_options(settings, trained=train_epochs is not None)
    finalists = _finalist_options(settings, train_epochs)
    settings["data"] = options.data
    answers = flags.made_from(Answers, settings)
    answers.check(trained=finalists is not None)
    chosen: Space = load_space(space, only=_only(only))
    if finalists is not None:
        chosen = replace(chosen, classes=count_classes(finalists.data))
    outcome = search(chosen, options, progress=out.progress)
    answers.give(outcome, finalists, out)


def _check_together(settings: dict[str, Any], train_epochs: int | None, *, as_json: bool) -> None:
    """Refuse options that contradict each other, or that would have no effect."""
    if settings["as_csv"] and as_json:
        raise click.UsageError("--csv prints rows and nothing else: leave out --json")
    wanted = sum(choice is not None for choice in (settings["build"], train_epochs))
    if wanted != (0 if settings["output"] is None else 1):
        raise click.UsageError("-o FILE.keras goes with --build RANK, or -o FOLDER with --train-epochs N: give both")
    if train_epochs is None:
        flags.refuse_given("goes with --train-epochs N only", "survivors", "strategy", "wait")
        if settings["supernet"] is None:
            flags.refuse_given("goes with --train-epochs N or --supernet FILE.keras only", "data")
    elif settings["supernet"] is not None:
        raise click.UsageError("--supernet judges without training: leave out --train-epochs")
    if settings["exact"]:
        flags.refuse_given("needs all candidates, and --exact keeps the Pareto set alone", "everything", "against")
    if settings["trials"] is None:
        flags.refuse_given("goes with --trials N only", "sampler", "population", "worker")
        if settings["storage"] is not None:
            raise click.UsageError("--storage keeps the trials of a sampled search: give --trials N too")


def _search_options(settings: dict[str, Any], *, trained: bool) -> SearchOptions:
    from sqnxt_tf.exploration.sampling import Sampling
    from sqnxt_tf.options.searching import SearchOptions

    limits = {name: settings.pop(f"max_{name}") for name in _LIMITS}
    supernet, data = settings["supernet"], None
    if supernet is not None and flags.is_given("data"):
        data = settings["data"]
    sampling = {name: settings.pop(name) for name in ("trials", "sampler", "storage", "population", "worker")}
    return SearchOptions(
        objectives=_objectives(settings.pop("objectives"), exact=settings["exact"], trained=trained, judged=supernet),
        limits={name: limit for name, limit in limits.items() if limit is not None},
        exact=settings.pop("exact"),
        sampling=None if sampling["trials"] is None else Sampling(**sampling, seed=settings["seed"]),
        supernet=supernet,
        data=data,
    )


def _finalist_options(settings: dict[str, Any], epochs: int | None) -> FinalistOptions | None:
    from sqnxt_tf.options.searching import FinalistOptions

    given = {name: settings.pop(name) for name in ("data", "survivors", "strategy", "wait")}
    if epochs is None:
        return None
    return FinalistOptions(folder=settings["output"], epochs=epochs, seed=settings["seed"], **given)


def _objectives(text: str | None, *, exact: bool, trained: bool, judged: Path | None) -> list[str] | None:
    """Return the names of figures; accuracy is known of networks that are trained or judged, and counts anyway."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if exact or judged is not None:
        return names
    if "accuracy" in names and not trained:
        raise click.UsageError(
            "accuracy is known of networks that are trained: give --train-epochs N and -o FOLDER, "
            "or a --supernet FILE.keras"
        )
    return [name for name in names if name != "accuracy"]


def _only(texts: tuple[str, ...]) -> dict[str, list[str]]:
    """Return `stem_kernel=5,7` as name and values; a dimension that is named twice keeps the values of both."""
    wanted: dict[str, list[str]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        wanted.setdefault(name.strip(), []).extend(value.strip() for value in values.split(","))
    return wanted
