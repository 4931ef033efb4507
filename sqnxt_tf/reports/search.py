"""What a search found, in tables and sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sqnxt_tf.exploration.space import ACCURACY, figure_of
from sqnxt_tf.reports.tables import Cell, Table

if TYPE_CHECKING:
    from sqnxt_tf.exploration.candidates import Candidate
    from sqnxt_tf.exploration.outcome import Outcome

_HEADERS = {
    "accuracy": "top-1 %",
    "cycles": "kcycles",
    "time_ms": "ms",
    "energy": "energy MMAC",
    "params": "params",
    "macs": "MMACs",
    "dram_bytes": "DRAM MB",
    "area": "area PEs",
}
_MOST_ROWS = 40  # of a table on a terminal; --csv and --json have them all
_MOST_ARRAYS = 8  # that are compared with the first one, network by network
_ONE_EACH = {"area"}  # the same for all candidates of an accelerator, which it therefore cannot rank


def front_table(outcome: Outcome) -> Table:
    """Return the Pareto set, the best in the first objective first; a rank is what `--build` takes."""
    front, shown = outcome.front, _columns(outcome)
    within = outcome.asked - outcome.impossible - outcome.over_limits
    table = Table(
        ["rank", "<network", "<accelerator", "input", *(_HEADERS[name] for name in shown)],
        title=f"Pareto set: {len(front):,} of {within:,} in {', '.join(outcome.objectives)}",
        least_important=["input", *_beside_objectives(outcome), "accelerator"],
    )
    for rank, one in enumerate(front[:_MOST_ROWS], 1):
        table.add(rank, one.network, one.accelerator, one.input_size, *_cells(one, shown))
    return table


def named_table(outcome: Outcome) -> Table | None:
    """Return the ranks of the listed networks among the candidates on their accelerator; None where none is there."""
    ranked = [name for name in outcome.objectives if figure_of(name) not in _ONE_EACH]
    shown = _columns(outcome)
    table = Table(
        ["<network", "<accelerator", *(_HEADERS[name] for name in shown)]
        + [f"rank in {name}" for name in ranked]
        + ["among", "dominated by"],
        title="Listed networks among all candidates on the same accelerator",
        least_important=[*_beside_objectives(outcome), "among"],
    )
    for standing in outcome.named():
        if standing.among == 1 or len(table.rows) == _MOST_ROWS:
            continue
        one = standing.candidate
        places = [standing.places[name] for name in ranked]
        table.add(one.network, one.accelerator, *_cells(one, shown), *places, standing.among, len(standing.dominators))
    return table if table.rows else None


def better_table(better: tuple[Candidate, ...], reference: Candidate, outcome: Outcome) -> Table:
    """Return the candidates that beat a reference, with their differences from it in per cent."""
    shown = _columns(outcome)
    table = Table(
        ["<network", *(_HEADERS[name] for name in shown), *(f"{name} %" for name in shown if name not in _ONE_EACH)],
        title=f"{len(better)} candidates beat {reference.network} on {reference.accelerator}",
        least_important=[_HEADERS[name] for name in shown],
    )
    for one in better[:_MOST_ROWS]:
        saved = [
            f"{100 * (one.figures[name] / reference.figures[name] - 1):+.1f}" for name in shown if name not in _ONE_EACH
        ]
        table.add(one.network, *_cells(one, shown), *saved)
    return table


def arrays_table(outcome: Outcome) -> Table | None:
    """Return the figures of each accelerator over those of the first, by network; None without another accelerator."""
    first, *others = dict.fromkeys(accelerator.name for accelerator in outcome.space.accelerators)
    if outcome.only_front or not 1 <= len(others) <= _MOST_ARRAYS:
        return None
    table = Table(
        [
            "<accelerator",
            "<figure",
            "least",
            "<network of the least",
            "median",
            "greatest",
            "<network of the greatest",
            "better for",
        ],
        title=f"Accelerators: figures as multiples of those on {first}, network by network",
        least_important=["network of the greatest", "network of the least"],
    )
    figures: dict[str, Callable[[Candidate], float]] = {
        "cycles": lambda one: one.figures["cycles"],
        "energy": lambda one: one.figures["energy"],
        "cycles x area": lambda one: one.figures["cycles"] * one.figures["area"],
    }
    for other in others:
        for name, figure in figures.items():
            if found := outcome.ratios(other, first, figure):
                low, middle, high = found[0], found[len(found) // 2], found[-1]
                better = f"{sum(ratio.value < 1 for ratio in found):,} of {len(found):,}"
                table.add(
                    other, name, f"{low.value:.3f}", low.candidate.network, f"{middle.value:.3f}",
                    f"{high.value:.3f}", high.candidate.network, better,
                )  # fmt: skip
    return table if table.rows else None


def search_lines(outcome: Outcome, *, with_front: bool = True) -> Iterator[str]:
    """Yield how large the space is, what was costed, and what the figures leave out."""
    space = outcome.space
    left_out = f"; {outcome.over_limits:,} over the limits" if outcome.limits else ""
    impossible = f"; {outcome.impossible:,} impossible" if outcome.impossible else ""
    yield (
        f"{space.name}: {space.size:,} pairs, {outcome.method}: {outcome.asked:,} costed{impossible}{left_out}. "
        f"{len(outcome.front):,} in the Pareto set."
    )
    if with_front and len(outcome.front) > _MOST_ROWS:
        yield f"The first {_MOST_ROWS} are shown; --csv and --json list all."
    zeros = (
        "no weights are taken as zero"
        if space.sparsity is None
        else f"{space.sparsity:.0%} of the weights taken as zero"
    )
    yield (
        f"Layers are costed from the networks' specifications, which gives the same figures as their exported graphs; "
        f"{zeros}; energy is in MACs of native width. The area is a proxy. {_accuracy_line(outcome)}"
    )
    if any(accelerator.vector for accelerator in space.accelerators):
        yield "Only convolutions and dense layers are costed: what a vector unit does is left out."


def _accuracy_line(outcome: Outcome) -> str:
    if ACCURACY not in map(figure_of, outcome.objectives):
        return "Accuracy is not considered."
    return "Accuracy is that of the supernet's slices on validation images; train a network alone for more."


def _columns(outcome: Outcome) -> list[str]:
    """Return the objectives, and parameters and MACs, which a reader wants to see anyway."""
    return list(dict.fromkeys([*map(figure_of, outcome.objectives), "params", "macs"]))


def _beside_objectives(outcome: Outcome) -> list[str]:
    """Return the headers of the figures that are not objectives."""
    objectives = set(map(figure_of, outcome.objectives))
    return [_HEADERS[name] for name in _columns(outcome) if name not in objectives]


def _cells(one: Candidate, names: list[str]) -> list[Cell]:
    return [_shown(name, one.figures[name]) for name in names]


def _shown(name: str, value: float) -> Cell:
    if name == ACCURACY:
        return f"{100 * value:.1f}"
    if name == "cycles":
        return f"{value / 1e3:,.1f}"
    if name in ("energy", "macs", "dram_bytes"):
        return f"{value / 1e6:,.1f}"
    return f"{value:.3f}" if name == "time_ms" else round(value)
