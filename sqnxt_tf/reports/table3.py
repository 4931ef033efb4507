"""Table 3 of the paper and its cross-validation, in tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqnxt_sim import IDEALISATIONS
from sqnxt_tf.reports.tables import Table

if TYPE_CHECKING:
    from sqnxt_tf.paper.cross_validation import CrossValidation, ErrorSpread
    from sqnxt_tf.paper.table3 import CostTable


def cost_comparison(costs: CostTable) -> Table:
    """Return our figure, the paper's and the error of every cell, and each column's mean and worst error."""
    columns = tuple(costs.rows[0].ours)
    table = Table(
        ["<model", *(header for column in columns for header in (_name(column), "paper", "error %"))],
        least_important=["paper"],
    )
    for row in costs.rows:
        cells: list[str] = []
        for column in columns:
            error = f"{100 * row.errors[column]:+.1f}"
            cells += [_figure(column, row.ours[column]), _figure(column, row.paper[column], 1), error]
        table.add(row.model, *cells)
    means = [f"{100 * costs.mean_error(column):.2f}" for column in columns]
    worst = [f"{100 * abs(costs.worst(column).errors[column]):.2f}" for column in columns]
    table.add_total("mean error", *_under_errors(means))
    table.add_total("worst error", *_under_errors(worst))
    return table


def cost_lines(costs: CostTable, fitted: dict[str, float]) -> Iterator[str]:
    """Yield where the worst cells are, what was costed, what was fitted, and what the model idealises."""
    columns = tuple(costs.rows[0].ours)
    worst = (
        f"{_name(column)} {(row := costs.worst(column)).model} {100 * row.errors[column]:+.1f} %" for column in columns
    )
    yield f"Worst: {', '.join(worst)}."
    yield (
        "Times are multiples of the fastest network's in the column, ours of ours and the paper's of the paper's; "
        "energies are in 1e9 16-bit MACs. An error is our figure minus the paper's, divided by the paper's."
    )
    yield f"Costed from: {costs.source}, with 40 % of the weights taken as zero, as in the paper."
    yield f"Fitted to this table ({len(fitted)}): {', '.join(f'{name} {value:g}' for name, value in fitted.items())}."
    yield f"Idealised: {'; '.join(IDEALISATIONS)}."


def cross_validation_table(result: CrossValidation) -> Table:
    """Return the errors on the networks that the numbers were fitted on, and on those that were held out."""
    inside, outside = result.fitted_on, result.networks - result.fitted_on
    table = Table(
        ["<numbers", "<evaluated on", "time: mean error %", "95 % below", "energy: mean error %", "95 % below"],
        title=f"Cross-validation: every {inside} of {result.networks} networks, {result.splits:,} splits",
    )
    table.add("the preset's", f"all {result.networks}", *_spread(result.preset))
    table.add(f"fitted on all {result.networks}", f"all {result.networks}", *_spread(result.best))
    table.add(f"fitted on {inside}", f"the same {inside}", *_spread(result.fitted))
    table.add(f"fitted on {inside}", f"the other {outside}", *_spread(result.held_out))
    return table


def cross_validation_lines(result: CrossValidation) -> Iterator[str]:
    """Yield what was minimised, how often each value was chosen over the splits, and how far to believe the errors."""
    from sqnxt_tf.paper.cross_validation import BELIEF

    yield (
        f"Of {result.settings:,} settings, the fit chooses the one with the least mean error over the four columns. "
        "The unit of a time column is the median of our time over the paper's on the networks of the fit only."
    )
    best = ", ".join(f"{name} {value:g}" for name, value in result.best_setting.items())
    yield f"Fitted on all {result.networks}: {best}."
    for name, shares in result.chosen.items():
        likely = sorted(shares.items(), key=lambda item: -item[1])[:3]
        shown = ", ".join(f"{value:g} in {100 * share:.0f} %" for value, share in likely)
        yield f"Most chosen {name}: {shown} of the splits."
    yield BELIEF


def _spread(spread: ErrorSpread) -> list[str]:
    figures = (spread.time_mean, spread.time_p95, spread.energy_mean, spread.energy_p95)
    return [f"{100 * figure:.2f}" for figure in figures]


def _name(column: str) -> str:
    return column.replace("_", " ")


def _figure(column: str, value: float, digits: int = 2) -> str:
    return f"{value:.2f}" if column.startswith("time") else f"{value / 1e9:.{digits}f}"


def _under_errors(values: list[str]) -> list[str | None]:
    return [cell for value in values for cell in (None, None, value)]
