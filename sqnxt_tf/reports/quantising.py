"""Quantisation in a table and sentences: noise by layer, layers that keep 16 bits, and how two files compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqnxt_tf.reports.results import output_lines, parity_line
from sqnxt_tf.reports.tables import Table, percent

if TYPE_CHECKING:
    from sqnxt_export import ExportResult
    from sqnxt_export.quantise.noise import LayerNoise
    from sqnxt_tf.workflows.verify import Verification


def noise_table(layers: Sequence[LayerNoise]) -> Table:
    """Return the signal-to-noise ratio of each layer's output, the worst first."""
    own = any(layer.own_snr_db is not None for layer in layers)  # not known of a .tflite file
    headers = ["<layer", "SNR dB", *["SNR dB (own rounding)"] * own]
    table = Table(headers, title="Worst layers first")
    for layer in layers:
        figures = [layer.snr_db, *[layer.own_snr_db] * own]
        table.add(layer.name, *(None if figure is None else f"{figure:.1f}" for figure in figures))
    return table


def wider_lines(result: ExportResult) -> list[str]:
    """Return how an accuracy budget was met; nothing where there was none."""
    if result.accuracy is None or result.wider is None:
        return []
    found = result.accuracy
    lines = [
        f"top-1 {percent(found.artifact_top1)} % on {found.samples} validation images, {percent(found.model_top1)} % "
        f"before: {_drop_or_gain(found.model_top1 - found.artifact_top1, found.max_drop)}"
    ]
    names = ", ".join(result.wider)
    return [*lines, f"{len(result.wider)} layers keep 16 bits: {names}" if names else "all layers have 8 bits"]


def _drop_or_gain(drop: float, allowed: float) -> str:
    """Return a drop of top-1 beside the allowed one, both fractions; a negative drop is a gain."""
    points = round(100 * drop, 2)
    if points < 0:
        return f"a gain of {-points:.2f} points, a drop of {100 * allowed:g} allowed"
    return f"a drop of {abs(points):.2f} points, {100 * allowed:g} allowed"


def verification_lines(result: Verification) -> list[str]:
    """Return how far the outputs of two files are apart, and how far they may be."""
    parity = result.parity
    if result.min_top1_agreement is not None:
        required = f"the same answer on {percent(result.min_top1_agreement, 0)} %"
    else:
        what = "value" if parity.top1_agreement is None else "logit"
        judged = result.trained and parity.top1_agreement is not None
        required = (
            f"{result.max_rel_diff:g} of the largest {what}" + ", and the same top-1 for every clear answer" * judged
        )
    if parity.top1_agreement is None:
        required += f", and {result.min_sqnr_db:g} dB"
    return [
        f"{result.b} against {result.a} on {parity.samples} images ({result.images}): {parity_line(parity)}",
        *output_lines(parity),
        f"required for {result.precision}: {required}; " + ("passed" if parity.passed else "failed"),
    ]
