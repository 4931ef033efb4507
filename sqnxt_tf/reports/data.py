"""Data that were packed or checked, in a table and sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqnxt_tf.reports.tables import Table

if TYPE_CHECKING:
    from sqnxt_tf.workflows.data_check import DataCheck
    from sqnxt_tf.workflows.data_pack import PackedData


def findings_table(result: DataCheck) -> Table:
    """Return one row for each finding."""
    table = Table(["<problem", "<file", "<detail"], beneath=["detail"])
    for finding in result.findings:
        table.add(finding.kind, finding.source, finding.detail)
    return table


def checked_line(result: DataCheck) -> str:
    """Return how many images there are and how many have problems, in one line."""
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(result.counts.items()))
    others = f"; {result.ignored:,} other files" if result.ignored else ""
    return f"{result.path}: {result.images:,} images of {result.classes:,} classes{others}; {counts or 'no problems'}"


def balance_line(result: DataCheck) -> str:
    """Return how many images the smallest and the largest class of each part have, and how many look alike."""
    parts = []
    for part, counts in result.balance.items():
        least, most = (choose(counts, key=lambda name: counts[name]) for choose in (min, max))
        of_part = f" in {part}" if part else ""
        if counts[least] == counts[most]:
            parts.append(f"{counts[least]:,} each{of_part}")
        else:
            parts.append(f"{counts[least]:,} ({least}) to {counts[most]:,} ({most}){of_part}")
    if result.near_duplicates is None:
        alike = "too many images to compare how they look"
    else:
        count = result.near_duplicates
        alike = "1 pair looks alike" if count == 1 else f"{count:,} pairs look alike"
    return f"images of a class: {', '.join(parts)}; {alike}"


def packed_line(result: PackedData) -> str:
    """Return where the shards are and what they hold, in one line."""
    parts = ", ".join(f"{count:,} {split}" for split, count in result.images.items())
    left_out = f"; {len(result.unreadable)} unreadable images left out" if result.unreadable else ""
    return f"{result.path}: {parts} images in {result.shards} shards of {result.bytes:,} bytes{left_out}"
