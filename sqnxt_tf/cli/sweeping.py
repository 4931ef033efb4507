"""`sqnxt-tf simulate --sweep`: its options as they are typed, and its answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqnxt_tf.cli.output import Output
from sqnxt_tf.errors import BudgetError

if TYPE_CHECKING:
    from sqnxt_sim import Workload
    from sqnxt_tf.workflows.sweep import Sweep

_DIMENSION = re.compile(r"\w+\.\w+=.+")


class SweepCommand(click.Command):
    """Command whose `--sweep` takes several dimensions: `--sweep array.rows=8,16 buffer.bytes=64K,128K`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, with `--sweep` before each dimension."""
        return super().parse_args(ctx, list(_one_flag_each(args)))


def _one_flag_each(args: Sequence[str]) -> Iterator[str]:
    sweeping = False
    for place, argument in enumerate(args):
        after_flag = place > 0 and args[place - 1] == "--sweep"
        if sweeping and not after_flag and _DIMENSION.fullmatch(argument):
            yield "--sweep"
        yield argument
        sweeping = argument.startswith("--sweep") or after_flag or bool(sweeping and _DIMENSION.fullmatch(argument))


def show_sweep(
    model: str | Workload, texts: Sequence[str], settings: dict[str, Any], *, picture: Path | None, as_csv: bool,
    force: bool, out: Output,
) -> None:  # fmt: skip
    """Cost a model on a grid of accelerators, and print, draw and judge the result.

    Raises:
        BudgetError: There is a budget, and no accelerator meets it.
    """
    from sqnxt_tf.exploration.array_grid import parse_dimension
    from sqnxt_tf.reports.picture_files import check_picture_file
    from sqnxt_tf.workflows.sweep import sweep

    dimensions: dict[str, str] = {}
    for text in texts:
        key, values = parse_dimension(text)
        dimensions[key] = f"{dimensions[key]},{values}" if key in dimensions else values
    if picture is not None:
        check_picture_file(picture, force=force)
    swept = sweep(model, dimensions, progress=out.progress, **settings)
    if picture is not None:
        from sqnxt_tf.reports.sweep_picture import draw_sweep

        draw_sweep(swept, picture, force=force)
    _print(swept, as_csv=as_csv, out=out)
    if swept.limits and not any(point.within_budget for point in swept.points):
        raise BudgetError(swept.model, f"none of the {len(swept.points):,} arrays meets the budget")


def _print(swept: Sweep, *, as_csv: bool, out: Output) -> None:
    if as_csv:
        out.csv(swept.to_records())
        return
    out.document(swept.to_json())
    if not out.as_json:
        from sqnxt_tf.reports.sweep import sweep_lines, sweep_table

        out.table(sweep_table(swept))
        for line in sweep_lines(swept):
            out.text(line)
