"""`sqnxt-tf reproduce`."""

import click

from .options import output_options
from .output import Output


@click.command("reproduce", short_help="The paper's tables, ours beside theirs.")
@click.argument("what", type=click.Choice(["table1", "table2", "table3"]))
@output_options
def command(what: str, out: Output) -> None:
    """A table of the SqueezeNext paper, ours beside the paper's, with the differences.

    Tables 1 and 2: parameters and MACs. Table 3: time and energy of 13 networks on both arrays, simulated from graphs
    that are exported for it.
    """
    if what == "table3":
        _costs(out)
    else:
        _parameters(int(what[-1]), out)


def _parameters(table: int, out: Output) -> None:
    from ..reports.networks import reproduced_table
    from ..workflows.reproduce import reproduce_parameters

    rows = reproduce_parameters(table)
    out.document([row.to_json() for row in rows])
    out.table(reproduced_table(rows))
    for row in rows:
        if row.explanation:
            out.text(f"{row.model}: {row.explanation}.")
    out.text("Differences are ours less the paper's; MACs are counted as the paper counts, from its Table 3.")


def _costs(out: Output) -> None:
    from ..reports.costs import cost_comparison, cost_lines
    from ..workflows.reproduce_costs import ROWS, fitted_numbers, paper_accelerators, reproduce_costs

    costs = reproduce_costs(progress=out.progress)
    if costs.source == ROWS:
        out.note("note: TensorFlow or onnxruntime is missing: costed from layer rows, which give the same figures")
    out.document(costs.to_json())
    out.table(cost_comparison(costs))
    for line in cost_lines(costs, fitted_numbers(paper_accelerators()[0])):
        out.text(line)
