"""`sqnxt-tf report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.completion import complete_accelerator, complete_network_or_file
from sqnxt_tf.cli.output import Output


@click.command("report", short_help="Write one HTML page about simulated networks.")
@click.argument(
    "models",
    nargs=-1,
    required=True,
    type=flags.PATH_OR_NAME,
    metavar="MODEL...",
    shell_complete=complete_network_or_file,
)
@flags.output("The .html file to write.")
@click.option(
    "--accelerator",
    "accelerators",
    multiple=True,
    metavar="NAME|FILE.toml",
    shell_complete=complete_accelerator,
    help="A preset or your own TOML file; may be repeated. Layers are shown on the first one.  "
    "[default: squeezelerator-16x16]",
)
@click.option("--title", metavar="TEXT", help="Heading of the page; made of the models' names by default.")
@flags.sparsity
@flags.batch
@flags.input_size
@flags.dims
@flags.classes
@flags.force
@flags.output_options
def command(models: tuple[str, ...], output: Path, force: bool, out: Output, **settings: Any) -> None:
    """Simulate MODEL... and write one HTML file about them that opens offline.

    A MODEL is an ONNX or TFLite file, or a network's name. The page shows every layer's cycles, energy and
    utilisation, to be sorted and filtered; the roofline; the cost of the rejected dataflow; where the energy goes;
    each model on every preset, and on the given accelerators, at 16 and at 8 bits; and the models side by side.
    """
    from sqnxt_tf.options.artifacts import ReportOptions
    from sqnxt_tf.workflows.report import write_report

    page = write_report(models, output, ReportOptions(**settings), force=force, progress=out.progress)
    out.document(page.to_json())
    for study in page.studies:
        total = study.report
        out.text(
            f"{study.name}: {total.cycles:,.0f} cycles = {total.time_ms:.3f} ms, energy of "
            f"{total.energy.total:.4g} MACs on {total.accelerator.name}"
        )
    out.text(f"{page.path}: {page.path.stat().st_size / 1e3:,.0f} KB; open it in a browser")
