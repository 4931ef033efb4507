"""`sqnxt-tf report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.output import Output


@click.command("report", short_help="Simulations as one HTML page.")
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="MODEL...")
@flags.output("The .html file to write.")
@click.option(
    "--accelerator",
    "accelerators",
    multiple=True,
    metavar="NAME|FILE",
    help="A preset or a .toml file; again for more. Layers are shown on the first.  [default: squeezelerator-16x16]",
)
@click.option("--title", metavar="TEXT", help="The page's heading; made of the models' names if not given.")
@flags.together("how", sparsity=flags.sparsity, batch=flags.batch, input_size=flags.input_size)
@flags.force
@flags.output_options
def command(
    models: tuple[Path, ...],
    output: Path,
    accelerators: tuple[str, ...],
    title: str | None,
    how: dict[str, Any],
    force: bool,
    out: Output,
) -> None:
    """Simulate the ONNX graphs MODEL... and write one HTML file about them that opens offline.

    It shows every layer's cycles, energy and utilisation, to be sorted and filtered; the roofline; what the rejected
    dataflow would take; where the energy goes; each graph on every preset, and on the given accelerators, at 16 and at
    8 bits; and the graphs side by side.
    """
    from sqnxt_tf.workflows.report import write_report

    report = write_report(
        models, output, accelerators=accelerators, title=title, force=force, progress=out.progress, **how
    )
    out.document(report.to_json())
    for study in report.studies:
        total = study.report
        out.text(
            f"{study.name}: {total.cycles:,.0f} cycles = {total.time_ms:.3f} ms, energy of "
            f"{total.energy.total:.4g} MACs on {total.accelerator.name}"
        )
    out.text(f"{report.path}: {report.path.stat().st_size / 1e3:,.0f} KB; open it in a browser")
