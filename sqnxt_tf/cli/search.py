"""`sqnxt-tf search`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.output import Output

if TYPE_CHECKING:
    from sqnxt_tf.exploration.outcome import Outcome
    from sqnxt_tf.exploration.sampling import Sampling

_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}


class Quantity(click.ParamType[float]):
    """`1M`, `940k`, `2.5e6`."""

    name = "NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        if isinstance(value, float):
            return value
        number = value.rstrip("kKmMgG")
        try:
            quantity = float(number) * _UNITS[value[len(number) :].lower()]
        except (ValueError, KeyError):
            quantity = 0.0
        if not 0 < quantity < float("inf"):
            self.fail(f"{value!r} is no quantity above 0: give it as in 1M, 940k or 2.5e6", param, ctx)
        return quantity


def _limit(name: str, unit: str) -> Any:
    flag = f"--max-{name.replace('_', '-')}"
    return click.option(flag, name, type=Quantity(), help=f"Only candidates of at most so {unit}.")


_LIMITS = flags.together(
    "limits",
    cycles=_limit("cycles", "many cycles"),
    time_ms=_limit("time_ms", "many milliseconds"),
    energy=_limit("energy", "much energy, in MACs"),
    params=_limit("params", "many parameters"),
    macs=_limit("macs", "many MACs"),
    dram_bytes=_limit("dram_bytes", "many bytes of DRAM traffic"),
    area=_limit("area", "much area, in PEs"),
)
_SAMPLING = flags.together(
    "how",
    trials=click.option("--trials", type=int, metavar="N", help="Sample so many pairs instead of costing all."),
    sampler=click.option(
        "--sampler", type=click.Choice(["nsga2", "tpe", "random"]), default="nsga2", show_default=True, help="Optuna's."
    ),
    storage=click.option(
        "--storage", metavar="FILE|URL", help="Keep trials there: killed or not, the same command goes on from them."
    ),
    population=click.option("--population", type=int, default=50, show_default=True, help="Of a generation."),
    seed=flags.seed,
    worker=click.option(
        "--worker", type=click.IntRange(0, 10_000), default=0, show_default=True, help="One number each on one storage."
    ),
)
_SCHOOLING = flags.together(
    "schooling",
    epochs=click.option(
        "--train-epochs", "epochs", type=int, metavar="N", help="Train survivors, the best for N epochs: -o FOLDER."
    ),
    data=flags.data,
    survivors=click.option(
        "--survivors", type=int, default=16, show_default=True, help="Networks that training begins with."
    ),
    strategy=flags.strategy,
)
_ANSWERS = flags.together(
    "answers",
    against=click.option(
        "--against", metavar="NETWORK", help="Show what beats this network of the space, on each accelerator."
    ),
    build=click.option(
        "--build",
        type=click.IntRange(min=1),
        metavar="RANK",
        help="Build that member of the Pareto set: -o FILE.keras.",
    ),
    output=flags.output("The .keras file of --build, or the folder of --train-epochs.", required=False),
    picture=click.option("--picture", type=click.Path(path_type=Path), help="Draw all candidates to this .html file."),
    as_csv=click.option(
        "--csv", "as_csv", is_flag=True, help="The Pareto set as CSV on stdout, and nothing else there."
    ),
    everything=click.option(
        "--all", "everything", is_flag=True, help="All candidates in --csv and --json, not the Pareto set alone."
    ),
    force=flags.force,
)


@click.command("search", short_help="Networks and arrays searched together.")
@click.argument("space", default="paper")
@click.option(
    "--objectives",
    metavar="NAMES",
    help="What is minimised, as in cycles,energy; else the space's own. Accuracy joins them with --train-epochs.",
)
@click.option(
    "--only", multiple=True, metavar="NAME=VALUES", help="Fewer values of a dimension: stem_kernel=5,7; again for more."
)
@_LIMITS
@_SAMPLING
@_SCHOOLING
@_ANSWERS
@flags.output_options
def command(
    space: str,
    objectives: str | None,
    only: tuple[str, ...],
    limits: dict[str, float | None],
    how: dict[str, Any],
    schooling: dict[str, Any],
    answers: dict[str, Any],
    out: Output,
) -> None:
    """Cost the networks and arrays of SPACE together, and show those that no other dominates.

    SPACE is a .toml file or a bundled one: `paper`, every placement of the paper's blocks on both of its arrays;
    `digits`, small enough to train; `wide`, which is sampled: --trials N. No Keras and no ONNX: thousands of pairs a
    second.
    """
    from sqnxt_tf.cli.search_answers import answer, check
    from sqnxt_tf.exploration.space_file import load_space
    from sqnxt_tf.workflows.search import count_classes, search

    if answers["as_csv"] and out.as_json:
        raise click.UsageError("--csv prints rows and nothing else: leave out --json")
    wanted = sum(choice is not None for choice in (answers["build"], schooling["epochs"]))
    if wanted != (0 if answers["output"] is None else 1):
        raise click.UsageError("-o FILE.keras goes with --build RANK, or -o FOLDER with --train-epochs N: give both")
    if schooling["epochs"] is None:
        flags.refuse_given("goes with --train-epochs N only", "data", "survivors", "strategy")
    if how["trials"] is None:
        flags.refuse_given("goes with --trials N only", "sampler", "population", "worker")
    names = _objectives(objectives, trained=schooling["epochs"] is not None)
    check(
        trained=schooling["epochs"] is not None,
        **{name: answers[name] for name in ("against", "build", "output", "picture", "force")},
    )
    chosen = load_space(space, only=_only(only))
    if schooling["epochs"] is not None:
        chosen = replace(chosen, classes=count_classes(schooling["data"]))
    outcome: Outcome = search(
        chosen,
        objectives=names,
        limits={name: limit for name, limit in limits.items() if limit is not None},
        sampling=_sampling(**how),
        progress=out.progress,
    )
    answer(outcome, out, seed=how["seed"], schooling=schooling, **answers)


def _objectives(text: str | None, *, trained: bool) -> list[str] | None:
    """The figures among the objectives; accuracy is known of networks that are trained, and counts there anyway."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if "accuracy" in names and not trained:
        raise click.UsageError("accuracy is known of networks that are trained: give --train-epochs N and -o FOLDER")
    return [name for name in names if name != "accuracy"]


def _only(texts: tuple[str, ...]) -> dict[str, list[str]]:
    """`stem_kernel=5,7` as name and values; of a dimension that is named again, those of both."""
    wanted: dict[str, list[str]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        wanted.setdefault(name.strip(), []).extend(value.strip() for value in values.split(","))
    return wanted


def _sampling(*, trials: int | None, **how: Any) -> Sampling | None:
    from sqnxt_tf.exploration.sampling import Sampling

    if trials is None and how["storage"] is not None:
        raise click.UsageError("--storage keeps the trials of a sampled search: give --trials N too")
    return None if trials is None else Sampling(trials=trials, **how)
