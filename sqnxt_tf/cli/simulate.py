"""`sqnxt-tf simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.output import Output

if TYPE_CHECKING:
    from sqnxt_sim import NetworkReport
    from sqnxt_tf.workflows.simulate import BudgetItem


@click.command("simulate", short_help="Cycles and energy of an ONNX graph.")
@flags.file_argument("file")
@flags.accelerator
@flags.together(
    "how",
    dataflow=flags.dataflow,
    sparsity=flags.sparsity,
    precision=click.option(
        "--precision", type=flags.PRECISION, help="Assume this precision instead of the graph's own."
    ),
    batch=flags.batch,
    input_size=flags.input_size,
    strict=click.option("--strict", is_flag=True, help="Refuse a graph with real work that has no model."),
)
@click.option("--explain", metavar="LAYER", help="One layer in full: both dataflows, and where time and energy go.")
@click.option("--roofline", type=click.Path(path_type=Path), help="Draw the roofline to this .svg, .png or .pdf file.")
@flags.together(
    "limits",
    max_cycles=click.option("--max-cycles", type=click.FloatRange(min=0), help="End with exit code 1 beyond it."),
    max_energy=click.option("--max-energy", type=click.FloatRange(min=0), help="Likewise, in MACs of native width."),
    max_dram_bytes=click.option("--max-dram-bytes", type=click.FloatRange(min=0), help="Likewise."),
)
@click.option("--csv", "as_csv", is_flag=True, help="The layers as CSV on stdout, and nothing else there.")
@flags.force
@flags.output_options
def command(
    file: Path,
    accelerator: str,
    how: dict[str, Any],
    explain: str | None,
    roofline: Path | None,
    limits: dict[str, float | None],
    as_csv: bool,
    force: bool,
    out: Output,
) -> None:
    """Cycles and energy of the ONNX graph FILE on an accelerator, layer by layer.

    Bit widths are read from the graph and zeros are counted in its weights. With a budget, such as --max-cycles 2e6,
    exceeding it ends with exit code 1.
    """
    from sqnxt_tf.workflows.simulate import hold_to_budget, simulate

    if as_csv and (out.as_json or explain):
        raise click.UsageError("--csv prints the layers and nothing else: leave out --json and --explain")
    report = simulate(file, accelerator, **how)
    budgets = hold_to_budget(report, **limits)
    if roofline is not None:
        from sqnxt_tf.reports.roofline import draw_roofline

        draw_roofline(report, roofline, force=force)
    if as_csv:
        out.csv(report.to_json()["layers"])
    else:
        _show(report, budgets, explain, out)
    _refuse_exceeded(report.model, budgets)


def _show(report: NetworkReport, budgets: dict[str, BudgetItem], explain: str | None, out: Output) -> None:
    if explain is not None:
        from sqnxt_tf.reports.explain import explained_layer

        lines, table = explained_layer(report, explain)
        for line in lines:
            out.text(line)
        if table is not None:
            out.table(table)
    elif not out.as_json:
        from sqnxt_tf.reports.simulation import simulation_table, total_lines

        out.table(simulation_table(report))
        for line in total_lines(report):
            out.text(line)
    out.document({**report.to_json(), "budgets": {name: item.to_json() for name, item in budgets.items()}})
    for item in budgets.values():
        if not item.exceeded:
            out.text(str(item))


def _refuse_exceeded(model: str, budgets: dict[str, BudgetItem]) -> None:
    exceeded = [str(item) for item in budgets.values() if item.exceeded]
    if exceeded:
        from sqnxt_tf.errors import BudgetError

        raise BudgetError(model, ", and ".join(exceeded))
