"""`sqnxt-tf list`."""

import click

from .options import output_options
from .output import Output


@click.command("list", short_help="The networks, with the paper's figures beside ours.")
@output_options
def command(out: Output) -> None:
    """The networks, with the paper's figures beside ours."""
    from ..networks.summaries import list_networks
    from ..reports.networks import network_list

    summaries = list_networks()
    out.document([summary.to_list_json() for summary in summaries])
    out.table(network_list(summaries))
    out.text("Paper: SqueezeNext (arXiv 1803.10615), Tables 1 to 3. It counts one MAC more an output element.")
