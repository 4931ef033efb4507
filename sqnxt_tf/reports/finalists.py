"""The trained finalists of a search, in a table and sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqnxt_tf.reports.tables import Table, percent

if TYPE_CHECKING:
    from sqnxt_tf.exploration.outcome import Outcome
    from sqnxt_tf.workflows.search_finalists import FinalistTraining


def finalists_table(trained: FinalistTraining, outcome: Outcome) -> Table:
    """Return the Pareto set with accuracy among the objectives, the most accurate network first."""
    names = outcome.objectives
    table = Table(
        ["<network", "<accelerator", "input", "validation top-1 %", "test top-1 %", "95 % interval", *names],
        least_important=["input", "accelerator", "95 % interval", "validation top-1 %"],
        title=f"Pareto set with accuracy on {trained.data}: {len(trained.front)} of the networks trained longest",
    )
    for candidate, one in sorted(trained.front, key=lambda pair: -pair[1].validation):
        low, high = one.test.top1_interval
        table.add(
            candidate.network,
            candidate.accelerator,
            candidate.input_size,
            percent(one.validation),
            percent(one.test.top1),
            f"{percent(low)}-{percent(high)}",
            *(f"{candidate.figures[name]:,.4g}" if name != "params" else candidate.figures[name] for name in names),
        )
    return table


def finalists_lines(trained: FinalistTraining) -> Iterator[str]:
    """Yield how they were trained, on what they were chosen, and where the models are."""
    plan = ", then ".join(
        f"{rung.networks} for {rung.epochs} epoch{'s' if rung.epochs > 1 else ''}" for rung in trained.rungs
    )
    yield f"Successive halving on {trained.data}: {plan}. They are chosen by validation accuracy, not by test accuracy."
    yield f"Models are in {trained.networks[0].path.parent}/."
