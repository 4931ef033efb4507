"""`sqnxt-tf search`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .output import Output

if TYPE_CHECKING:
    from ..codesign.outcome import Outcome
    from ..codesign.sampling import Sampling


UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}


class Quantity(click.ParamType[float]):
    """`1M`, `940k`, `2.5e6`."""

    name = "NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        if isinstance(value, float):
            return value
        number = value.rstrip("kKmMgG")
        try:
            quantity = float(number) * UNITS[value[len(number) :].lower()]
        except (ValueError, KeyError):
            quantity = 0.0
        if not 0 < quantity < float("inf"):
            self.fail(f"{value!r} is no quantity above 0: give it as in 1M, 940k or 2.5e6", param, ctx)
        return quantity


def _limit(name: str, unit: str) -> Any:
    return click.option(
        f"--max-{name.replace('_', '-')}", name, type=Quantity(), help=f"Only candidates of at most so {unit}."
    )


@click.command("search", short_help="Networks and arrays searched together.")
@click.argument("space", default="paper")
@click.option(
    "--objectives", metavar="NAMES", help="What is minimised, as in cycles,energy,params; the space's own if not given."
)
@click.option(
    "--only", multiple=True, metavar="NAME=VALUES", help="Fewer values of a dimension, as in stem_kernel=5,7."
)
@options.together(
    "limits",
    cycles=_limit("cycles", "many cycles"),
    time_ms=_limit("time_ms", "many milliseconds"),
    energy=_limit("energy", "much energy, in MACs"),
    params=_limit("params", "many parameters"),
    macs=_limit("macs", "many MACs"),
    dram_bytes=_limit("dram_bytes", "many bytes of DRAM traffic"),
    area=_limit("area", "much area, in PEs"),
)
@options.together(
    "how",
    trials=click.option("--trials", type=int, metavar="N", help="Sample so many pairs instead of costing all."),
    sampler=click.option(
        "--sampler",
        type=click.Choice(["nsga2", "tpe", "random"]),
        default="nsga2",
        show_default=True,
        help="Optuna's.",
    ),
    storage=click.option(
        "--storage", metavar="FILE|URL", help="Keep trials there: killed or not, the same command goes on from them."
    ),
    population=click.option("--population", type=int, default=50, show_default=True, help="Of a generation."),
    seed=options.seed,
    worker=click.option(
        "--worker", type=click.IntRange(0, 10_000), default=0, show_default=True, help="One number each on one storage."
    ),
)
@click.option("--against", metavar="NETWORK", help="Show what beats this network of the space, on each accelerator.")
@click.option(
    "--build", type=click.IntRange(min=1), metavar="RANK", help="Build that member of the Pareto set: -o FILE.keras."
)
@options.output("The .keras file of --build.", required=False)
@click.option("--picture", type=click.Path(path_type=Path), help="Draw all candidates to this .html file.")
@click.option("--csv", "as_csv", is_flag=True, help="The Pareto set as CSV on stdout, and nothing else there.")
@click.option("--all", "everything", is_flag=True, help="All candidates in --csv and --json, not the Pareto set alone.")
@options.force
@options.output_options
def command(
    space: str,
    objectives: str | None,
    only: tuple[str, ...],
    limits: dict[str, float | None],
    how: dict[str, Any],
    against: str | None,
    build: int | None,
    output: Path | None,
    picture: Path | None,
    as_csv: bool,
    everything: bool,
    force: bool,
    out: Output,
) -> None:
    """Cost the networks and arrays of SPACE together, and show those that no other dominates.

    SPACE is a .toml file or a bundled one: `paper`, every placement of the paper's blocks on both of its arrays, and
    `wide`, which is sampled: --trials N. Without any Keras or ONNX, at thousands of pairs a second.
    """
    from ..codesign.space_file import load_space
    from ..workflows.search import search

    if as_csv and out.as_json:
        raise click.UsageError("--csv prints rows and nothing else: leave out --json")
    if (build is None) != (output is None):
        raise click.UsageError("--build RANK and -o FILE.keras go together: give both")
    outcome = search(
        load_space(space, only=dict(_only(text) for text in only)),
        objectives=None if objectives is None else objectives.split(","),
        limits={name: limit for name, limit in limits.items() if limit is not None},
        sampling=_sampling(**how),
        progress=out.progress,
    )
    document = outcome.to_json(everything=everything)
    if build is not None and output is not None:
        from ..workflows.search import build_member

        document["built"] = build_member(outcome, build, output, seed=how["seed"], force=force)
    if picture is not None:
        from ..reports.search_picture import draw_search

        draw_search(outcome, picture, force=force)
    if as_csv:
        out.csv(document["candidates" if everything else "front"])
        return
    _show(outcome, against, document, out)


def _only(text: str) -> tuple[str, list[str]]:
    """`stem_kernel=5,7` as name and values."""
    name, _, values = text.partition("=")
    return name.strip(), [value.strip() for value in values.split(",")]


def _sampling(*, trials: int | None, **how: Any) -> "Sampling | None":
    from ..codesign.sampling import Sampling

    if trials is None and how["storage"] is not None:
        raise click.UsageError("--storage keeps the trials of a sampled search: give --trials N too")
    return None if trials is None else Sampling(trials=trials, **how)


def _show(outcome: "Outcome", against: str | None, document: dict[str, Any], out: Output) -> None:
    from ..reports import search as report

    if against is not None:
        from ..workflows.search import beaten

        tables = []
        document["against"] = []
        for reference, better in beaten(outcome, against):
            document["against"].append({**reference.to_json(), "beaten_by": [one.to_json() for one in better]})
            tables.append(report.better_table(better, reference, outcome))
    else:
        made = (report.front_table(outcome), report.named_table(outcome), report.arrays_table(outcome))
        tables = [table for table in made if table is not None]
    out.document(document)
    for table in tables:
        out.table(table)
        out.text()
    for line in report.search_lines(outcome):
        out.text(line)
    if "built" in document:
        out.text(f"{document['built']['path']}: {document['built']['network']}, random weights.")
