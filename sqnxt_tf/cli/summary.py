"""`sqnxt-tf summary`."""

from __future__ import annotations

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.completion import complete_network
from sqnxt_tf.cli.output import Output


@click.command("summary", short_help="Show one network layer by layer.")
@click.argument("network", shell_complete=complete_network)
@flags.classes
@flags.input_size
@flags.output_options
def command(network: str, classes: int | None, input_size: tuple[int, int] | None, out: Output) -> None:
    """Show one network layer by layer: shapes, parameters, MACs, peak activation memory."""
    from sqnxt_tf.networks.summaries import summarise
    from sqnxt_tf.reports.networks import network_summary, network_totals

    summary = summarise(network, classes=classes or 1000, input_size=input_size)
    out.document(summary.to_json())
    out.table(network_summary(summary))
    out.text(network_totals(summary))
