"""`sqnxt-tf summary`."""

import click

from . import options
from .output import Output


@click.command("summary", short_help="One network layer by layer.")
@click.argument("network")
@options.classes
@options.input_size
@options.output_options
def command(network: str, classes: int | None, input_size: tuple[int, int] | None, out: Output) -> None:
    """One network layer by layer: shapes, parameters, MACs, peak activation memory."""
    from ..networks.summaries import summarise
    from ..reports.networks import network_summary, network_totals

    summary = summarise(network, classes=classes or 1000, input_size=input_size)
    out.document(summary.to_json())
    out.table(network_summary(summary))
    out.text(network_totals(summary))
