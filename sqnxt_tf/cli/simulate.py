"""`sqnxt-tf simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.garbage import without_collection
from sqnxt_tf.cli.output import Output
from sqnxt_tf.cli.sweeping import SweepCommand, show_sweep

if TYPE_CHECKING:
    from sqnxt_sim import NetworkReport, Workload
    from sqnxt_tf.workflows.simulate import BudgetItem

_BUDGETS = ("max_cycles", "max_time_ms", "max_energy", "max_dram_bytes")


@click.command("simulate", cls=SweepCommand, short_help="Estimate cycles and energy of a network on an accelerator.")
@flags.model_argument("model", required=False)
@click.option(
    "--layer",
    "layers",
    multiple=True,
    metavar="LAYER",
    help="Instead of MODEL, one layer: 56x56x64,3x3x128,stride=2 (input, filters, and of stride, groups, dilation, "
    "pad=same|valid|N those that differ); may be repeated.",
)
@flags.accelerator
@flags.dataflow
@flags.sparsity
@click.option("--precision", type=flags.PRECISION, help="Assume this precision instead of the graph's own.")
@flags.batch
@flags.input_size
@flags.dims
@flags.classes
@click.option("--strict", is_flag=True, help="Refuse a graph with operators that do real work and have no cost model.")
@click.option(
    "--explain", metavar="LAYER", help="Show one layer in full: both dataflows, and where time and energy go."
)
@click.option(
    "--sweep",
    "dimensions",
    multiple=True,
    metavar="KEY=VALUES...",
    help="Cost every combination of some numbers of the accelerator, as in array.rows=8,16,32 buffer.bytes=64K..1M*2.",
)
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the sweep to this .svg, .png or .pdf file.")
@click.option("--roofline", type=click.Path(path_type=Path), help="Draw the roofline to this .svg, .png or .pdf file.")
@click.option("--max-cycles", type=flags.QUANTITY, help="End with exit code 1 if it takes more cycles, as in 10M.")
@click.option("--max-time-ms", type=flags.QUANTITY, help="The same for milliseconds at the array's clock.")
@click.option("--max-energy", type=flags.QUANTITY, help="The same for energy, in MACs of the array's native width.")
@click.option("--max-dram-bytes", type=flags.QUANTITY, help="The same for bytes of DRAM traffic.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the layers as CSV on stdout and nothing else there.")
@flags.force
@flags.light_output_options
@without_collection
def command(
    explain: str | None, roofline: Path | None, picture: Path | None, as_csv: bool, force: bool, out: Output,
    **settings: Any,
) -> None:  # fmt: skip
    """Estimate cycles and energy of MODEL on an accelerator, layer by layer.

    MODEL is an ONNX or TFLite file, or a network's name (`sqnxt-tf list`). Bit widths are read from the file and zeros
    are counted in its weights; a network's name has none, and the paper's 40 % of zeros are assumed. A budget such as
    --max-cycles 10M that is exceeded ends the command with exit code 1.
    """
    from sqnxt_tf.workflows.simulate import hold_to_budget, simulate

    if as_csv and (out.as_json or explain):
        raise click.UsageError("--csv prints the layers and nothing else: leave out --json and --explain")
    limits = {name: limit for name in _BUDGETS if (limit := settings.pop(name)) is not None}
    model, dimensions = _model(settings.pop("model"), settings.pop("layers")), settings.pop("dimensions")
    if dimensions:
        flags.refuse_given("shows one array, and --sweep many", "explain", "roofline")
        settings["limits"] = limits
        show_sweep(model, dimensions, settings, picture=picture, as_csv=as_csv, force=force, out=out)
        return
    flags.refuse_given("goes with --sweep only", "picture")
    report = simulate(model, **settings)
    budgets = hold_to_budget(report, **limits)
    if roofline is not None:
        from sqnxt_tf.reports.roofline import draw_roofline

        draw_roofline(report, roofline, force=force)
    if as_csv:
        out.csv(report.to_json()["layers"])
    else:
        _show(report, budgets, explain, out)
    _refuse_exceeded(report.model, budgets)


def _model(model: str | None, layers: tuple[str, ...]) -> str | Workload:
    """Return what is simulated: MODEL, or the layers that are given by hand."""
    if (model is None) == (not layers):
        raise click.UsageError("give one of MODEL and --layer, as in `sqnxt-tf simulate 1.0-SqNxt-23`")
    if model is not None:
        return model
    from sqnxt_sim import parse_layer
    from sqnxt_tf.workflows.workload_source import layers_workload

    return layers_workload(tuple(map(parse_layer, layers)))


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
    if out.as_json:
        out.document({**report.to_json(), "budgets": {name: item.to_json() for name, item in budgets.items()}})
    for item in budgets.values():
        if not item.exceeded:
            out.text(str(item))


def _refuse_exceeded(model: str, budgets: dict[str, BudgetItem]) -> None:
    exceeded = [str(item) for item in budgets.values() if item.exceeded]
    if exceeded:
        from sqnxt_tf.errors import BudgetError

        raise BudgetError(model, ", and ".join(exceeded))
