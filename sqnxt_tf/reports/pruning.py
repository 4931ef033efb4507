"""Pruning in a table and sentences: accuracy before and after, layers left dense, layers by sensitivity."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from sqnxt_tf.reports.results import accuracy_line
from sqnxt_tf.reports.tables import Table, percent

if TYPE_CHECKING:
    from sqnxt_tf.workflows.prune import PruningResult
    from sqnxt_tf.workflows.prune_scan import SensitivityScan

NAMES_SHOWN = 4


def pruning_lines(result: PruningResult) -> list[str]:
    """Return accuracy after and before pruning, their difference, and the layers that stay dense with the reason."""
    low, high = (percent(bound) for bound in result.before.top1_interval)
    return [
        f"{result.path}: {accuracy_line(result.test)}",
        f"before pruning: top-1 {percent(result.top1_before)} % (95 % interval {low} to {high}); "
        + loss_or_gain(*result.top1_lost),
        *dense_lines(result.dense),
        *_frozen_lines(result.frozen),
    ]


def loss_or_gain(lost: float, least: float, most: float) -> str:
    """Name a difference of top-1 by its direction, with its interval in that direction; the arguments are losses.

    Example: (-0.0484, -0.0821, -0.0147) is "gained 4.84 points (95 % interval ... 1.47 to 8.21)".
    """
    verb = "lost"
    if round(100 * lost, 2) < 0:  # what rounds to zero is not a gain
        verb, lost, least, most = "gained", -lost, -most, -least
    return (
        f"{verb} {abs(100 * lost):.2f} points (95 % interval of the difference on the same images "
        f"{100 * least:.2f} to {100 * most:.2f})"
    )


def dense_lines(dense: dict[str, str]) -> list[str]:
    """Return one line for each reason, with the layers that it keeps dense."""
    lines = []
    for reason, group in groupby(sorted(dense, key=lambda name: dense[name]), key=lambda name: dense[name]):
        names = list(group)
        more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        lines.append(f"left dense: {', '.join(names[:NAMES_SHOWN])}{more} ({reason})")
    return lines


def _frozen_lines(frozen: tuple[str, ...]) -> list[str]:
    if not frozen:
        return []
    more = f" and {len(frozen) - NAMES_SHOWN} more" if len(frozen) > NAMES_SHOWN else ""
    return [
        f"pruned but not fine-tuned, since they are frozen: {', '.join(frozen[:NAMES_SHOWN])}{more}; set "
        "`trainable = True` in the model to fine-tune them"
    ]


def sensitivity_table(scan: SensitivityScan) -> Table:
    """Return loss and top-1 with each layer pruned alone to each sparsity, the most sensitive layer first."""
    sparsities = [f"{percent(sparsity, 0)} %" for sparsity in scan.sparsities]
    headers = [f"{figure} at {sparsity}" for figure in ("loss", "top-1 %") for sparsity in sparsities]
    table = Table(
        ["<layer", "weights", "loss change", *headers],
        title="Sensitivity of each layer pruned alone",
        least_important=["weights"],
    )
    for layer in scan.found.layers:
        losses = (f"{point.loss:.4f}" for point in layer.points)
        accuracies = (percent(point.top1) for point in layer.points)
        table.add(layer.name, layer.weights, f"{layer.sensitivity:+.4f}", *losses, *accuracies)
    return table


def sensitivity_line(scan: SensitivityScan) -> str:
    """Return the loss and the accuracy of the model before any pruning."""
    found = scan.found
    return (
        f"{scan.path}: loss {found.loss:.4f}, top-1 {percent(found.top1)} % of {found.samples} images of {scan.data} "
        "before pruning; layers are sorted by the mean rise of the loss"
    )
