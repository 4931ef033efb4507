"""Table 3 and its cross-validation for people."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .tables import Table

if TYPE_CHECKING:
    from ..workflows.reproduce_costs import CostTable

# "Idealisations" in simulator/README.md, in short.
IDEALISATIONS = (
    "unlimited prefetch (the longer of two overlapping phases counts, not a sum of maxima)",
    "output stationary drains partial sums once a channel tile in time and moves them twice in energy",
    "weight stationary reads inputs and partial sums at no cost in time, and padding as if it were data",
    "a round pays the DRAM latency even when it fetches nothing",
)


def cost_comparison(costs: "CostTable") -> Table:
    """Ours, the paper's and the error of every cell; below them each column's mean and worst error."""
    columns = tuple(costs.rows[0].ours)
    table = Table(["<model", *(header for column in columns for header in (_name(column), "paper", "error %"))])
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


def cost_lines(costs: "CostTable", fitted: dict[str, float]) -> Iterator[str]:
    """What the table rests on: where the worst cells are, what was costed, what was fitted, what is idealised."""
    columns = tuple(costs.rows[0].ours)
    worst = (
        f"{_name(column)} {(row := costs.worst(column)).model} {100 * row.errors[column]:+.1f} %" for column in columns
    )
    yield f"Worst: {', '.join(worst)}."
    yield (
        "Times are over the fastest network of the column, ours over ours and the paper's over the paper's; "
        "energies are in 1e9 16-bit MACs. Errors are ours less the paper's, over the paper's."
    )
    yield f"Costed from: {costs.source}, 40 % of the weights taken as zero, as in the paper."
    yield f"Fitted to this table ({len(fitted)}): {', '.join(f'{name} {value:g}' for name, value in fitted.items())}."
    yield f"Idealised: {'; '.join(IDEALISATIONS)}."


def _name(column: str) -> str:
    return column.replace("_", " ")


def _figure(column: str, value: float, digits: int = 2) -> str:
    return f"{value:.2f}" if column.startswith("time") else f"{value / 1e9:.{digits}f}"


def _under_errors(values: list[str]) -> list[str | None]:
    return [cell for value in values for cell in (None, None, value)]
