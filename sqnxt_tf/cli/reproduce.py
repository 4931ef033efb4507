"""`sqnxt-tf reproduce`."""

import click

from .options import output_options
from .output import Output


@click.command("reproduce", short_help="The paper's tables, ours beside theirs.")
@click.argument("what", type=click.Choice(["table1", "table2"]))
@output_options
def command(what: str, out: Output) -> None:
    """A table of the SqueezeNext paper: parameters and MACs, ours beside the paper's, with the differences."""
    from ..reports.networks import reproduced_table
    from ..workflows.reproduce import reproduce_parameters

    rows = reproduce_parameters(int(what[-1]))
    out.document([row.to_json() for row in rows])
    out.table(reproduced_table(rows))
    for row in rows:
        if row.explanation:
            out.text(f"{row.model}: {row.explanation}.")
    out.text("Differences are ours less the paper's; MACs are counted as the paper counts, from its Table 3.")
