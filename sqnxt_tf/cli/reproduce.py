"""`sqnxt-tf reproduce`."""

from __future__ import annotations

from pathlib import Path

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.output import Output


@click.command("reproduce", short_help="Reproduce the paper's tables and figures, ours beside theirs.")
@click.argument("what", type=click.Choice(["table1", "table2", "table3", "figure6", "figure7", "all"]))
@click.option(
    "--cross-validate",
    is_flag=True,
    help="Table 3 only: also refit the fitted numbers on every 6 of the 13 networks and judge them on the other 7.",
)
@flags.output("Figures and all: the folder for PNG, SVG and CSV; this folder by default.", required=False)
@flags.force
@flags.output_options
def command(what: str, cross_validate: bool, output: Path | None, force: bool, out: Output) -> None:
    """Reproduce a table or figure of the SqueezeNext paper, ours beside the paper's.

    Tables 1 and 2: parameters and MACs. Table 3: time and energy of 13 networks on both arrays, simulated from graphs
    that are exported for it. Figure 6: time and efficiency of v1 to v5, layer by layer. Figure 7: the paper's
    accuracies against time and energy. All: every table as CSV and every figure, in one folder, with the versions and
    commands that made them.
    """
    if cross_validate and what != "table3":
        raise click.UsageError(f"--cross-validate goes with table3: nothing is fitted in {what}; leave it out")
    if what.startswith("table") and (output is not None or force):
        raise click.UsageError(f"-o and --force go with a figure: {what} is printed; leave them out")
    if what == "all":
        _all(output or Path(), force, out)
    elif what.startswith("figure"):
        _figure(what, output or Path(), force, out)
    elif what == "table3":
        _costs(out, cross_validate)
    else:
        _parameters(int(what[-1]), out)


def _all(folder: Path, force: bool, out: Output) -> None:
    from sqnxt_tf.reports.reproduction import RECORD, reproduce_all

    record = reproduce_all(folder, force=force, progress=out.progress)
    out.document({"folder": str(folder), **record})
    for entry in record["files"]:
        out.text(f"{folder / entry['path']}: {entry['command']}")
    out.text(f"{folder / RECORD}: the versions that made them")


def _parameters(table: int, out: Output) -> None:
    from sqnxt_tf.paper.parameters import reproduce_parameters
    from sqnxt_tf.reports.networks import reproduced_table

    rows = reproduce_parameters(table)
    out.document([row.to_json() for row in rows])
    out.table(reproduced_table(rows))
    for row in rows:
        if row.explanation:
            out.text(f"{row.model}: {row.explanation}.")
    out.text("Differences are ours minus the paper's. MACs are counted as in the paper's Table 3.")


def _figure(what: str, folder: Path, force: bool, out: Output) -> None:
    from sqnxt_tf.paper import figures
    from sqnxt_tf.reports.figures import write_figure

    rows = figures.figure6() if what == "figure6" else figures.figure7()
    paths = write_figure(what, rows, folder, force=force)
    out.document({"paths": [str(path) for path in paths], "rows": [row.to_json() for row in rows]})
    out.text(f"{', '.join(map(str, paths))}: simulated at the paper's 40 % of zeros; accuracies are the paper's.")


def _costs(out: Output, cross_validate: bool) -> None:
    from sqnxt_tf.paper import cross_validation
    from sqnxt_tf.paper.table3 import ROWS, fitted_numbers, paper_accelerators, reproduce_costs
    from sqnxt_tf.reports.table3 import cost_comparison, cost_lines, cross_validation_lines, cross_validation_table

    costs = reproduce_costs(progress=out.progress)
    if costs.source == ROWS:
        out.note("note: TensorFlow or onnxruntime is missing: costed from layer rows, which give the same figures")
    held_out = cross_validation.cross_validate_costs(progress=out.progress) if cross_validate else None
    table3 = costs.to_json()
    out.document({"table3": table3, "cross_validation": held_out.to_json()} if held_out else table3)
    out.table(cost_comparison(costs))
    for line in cost_lines(costs, fitted_numbers(paper_accelerators()[0])):
        out.text(line)
    if held_out:
        out.text()
        out.table(cross_validation_table(held_out))
        for line in cross_validation_lines(held_out):
            out.text(line)
