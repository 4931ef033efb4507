"""What a search found, for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sqnxt_tf.reports.tables import Cell, Table

if TYPE_CHECKING:
    from sqnxt_tf.exploration.candidates import Candidate
    from sqnxt_tf.exploration.outcome import Outcome

_HEADERS = {
    "cycles": "kcycles",
    "time_ms": "ms",
    "energy": "energy MMAC",
    "params": "params",
    "macs": "MMACs",
    "dram_bytes": "DRAM MB",
    "area": "area PEs",
}
_MOST_ROWS = 40  # of a table on a terminal; --csv and --json have them all
_MOST_ARRAYS = 8  # beside the first, to be told apart network by network
_ONE_EACH = {"area"}  # of one accelerator: no ranking


def front_table(outcome: Outcome) -> Table:
    """The Pareto set, best in the first objective first; its ranks are what `--build` takes."""
    front, shown = outcome.front, _columns(outcome)
    table = Table(
        ["rank", "<network", "<accelerator", "input", *(_HEADERS[name] for name in shown)],
        title=f"Pareto set: {len(front)} of {len(outcome.candidates):,} in {', '.join(outcome.objectives)}",
    )
    for rank, one in enumerate(front[:_MOST_ROWS], 1):
        table.add(rank, one.network, one.accelerator, one.input_size, *_cells(one, shown))
    return table


def named_table(outcome: Outcome) -> Table | None:
    """Where the listed networks stand among the candidates on their accelerator; None where there are none."""
    ranked = [name for name in outcome.objectives if name not in _ONE_EACH]
    shown = _columns(outcome)
    table = Table(
        ["<network", "<accelerator", *(_HEADERS[name] for name in shown)]
        + [f"place: {name}" for name in ranked]
        + ["among", "dominated by"],
        title="Listed networks among all candidates on the same accelerator",
    )
    for standing in outcome.named():
        if standing.among == 1 or len(table.rows) == _MOST_ROWS:
            continue
        one = standing.candidate
        places = [standing.places[name] for name in ranked]
        table.add(one.network, one.accelerator, *_cells(one, shown), *places, standing.among, len(standing.dominators))
    return table if table.rows else None


def better_table(better: tuple[Candidate, ...], reference: Candidate, outcome: Outcome) -> Table:
    """Candidates that beat a reference, with what they save of it."""
    shown = _columns(outcome)
    table = Table(
        ["<network", *(_HEADERS[name] for name in shown), *(f"{name} %" for name in shown if name not in _ONE_EACH)],
        title=f"{len(better)} beat {reference.network} on {reference.accelerator}",
    )
    for one in better[:_MOST_ROWS]:
        saved = [
            f"{100 * (one.figures[name] / reference.figures[name] - 1):+.1f}" for name in shown if name not in _ONE_EACH
        ]
        table.add(one.network, *_cells(one, shown), *saved)
    return table


def arrays_table(outcome: Outcome) -> Table | None:
    """Which accelerator suits which network: each over the first, for the networks that it suits most and least."""
    first, *others = dict.fromkeys(accelerator.name for accelerator in outcome.space.accelerators)
    if not 1 <= len(others) <= _MOST_ARRAYS:
        return None
    table = Table(
        ["<accelerator", "<figure", "least", "<network", "median", "greatest", "<network", "better for"],
        title=f"Accelerators: each over {first}, network by network",
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
    """What the tables rest on."""
    space = outcome.space
    left_out = f"; {outcome.over_limits:,} over the limits" if outcome.limits else ""
    impossible = f"; {outcome.impossible:,} impossible" if outcome.impossible else ""
    yield (
        f"{space.name}: {space.size:,} pairs, {outcome.method}: {outcome.asked:,} looked at{impossible}{left_out}. "
        f"{len(outcome.front):,} in the Pareto set."
    )
    if with_front and len(outcome.front) > _MOST_ROWS:
        yield f"The first {_MOST_ROWS} are shown; --csv and --json have them all."
    zeros = "no zeros are assumed" if space.sparsity is None else f"{space.sparsity:.0%} of the weights taken as zero"
    yield (
        f"Costed from layer rows, which cost what the exported graphs cost; {zeros}; energy in MACs of native width. "
        "The area is a proxy. Nothing here says how accurate a network can be."
    )
    if any(accelerator.vector for accelerator in space.accelerators):
        yield "Only convolutions and dense layers are costed: a vector unit's share is left out."


def _columns(outcome: Outcome) -> list[str]:
    """The objectives, and parameters and MACs, which a person wants to see anyway."""
    return list(dict.fromkeys([*outcome.objectives, "params", "macs"]))


def _cells(one: Candidate, names: list[str]) -> list[Cell]:
    return [_shown(name, one.figures[name]) for name in names]


def _shown(name: str, value: float) -> Cell:
    if name == "cycles":
        return f"{value / 1e3:,.1f}"
    if name in ("energy", "macs", "dram_bytes"):
        return f"{value / 1e6:,.1f}"
    return f"{value:.3f}" if name == "time_ms" else round(value)
