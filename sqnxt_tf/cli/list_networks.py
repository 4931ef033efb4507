"""`sqnxt-tf list`."""

from __future__ import annotations

import click

from sqnxt_tf.cli.flags import output_options
from sqnxt_tf.cli.output import Output


@click.command("list", short_help="List the networks, with the paper's figures beside ours.")
@output_options
def command(out: Output) -> None:
    """List the networks, with the paper's figures beside ours."""
    from sqnxt_tf.networks.summaries import list_networks
    from sqnxt_tf.reports.networks import network_list

    summaries = list_networks()
    out.document([summary.to_list_json() for summary in summaries])
    out.table(network_list(summaries))
    out.text("Paper: SqueezeNext (arXiv 1803.10615), Tables 1 to 3. The paper counts one more MAC per output element.")
