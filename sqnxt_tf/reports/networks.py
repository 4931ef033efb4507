"""Tables of networks: the list of them, one of them layer by layer, and the paper's tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sqnxt_tf.reports.tables import Table, shape

if TYPE_CHECKING:
    from sqnxt_tf.networks.summaries import NetworkSummary
    from sqnxt_tf.paper.parameters import TableRow


def network_list(summaries: Iterable[NetworkSummary]) -> Table:
    """Return one row for each network; the paper's columns are empty where it has no figures."""
    table = Table(
        [
            "<name",
            "<paper's name",
            "input px",
            "params M",
            "paper's params M",
            "MACs M",
            "MACs M (paper's count)",
            "paper's MACs M",
            "top-1 %",
            "top-5 %",
        ],
        least_important=[
            "MACs M (paper's count)", "top-5 %", "paper's name", "input px", "paper's MACs M", "paper's params M",
            "top-1 %",
        ],
        title="Networks (accuracies are the paper's, on ImageNet)",
    )  # fmt: skip
    for summary in summaries:
        paper = summary.paper
        table.add(
            summary.name,
            summary.network.paper_name,
            shape(summary.input_size),
            f"{summary.params / 1e6:.3f}",
            paper.params_printed if paper else None,
            f"{summary.macs / 1e6:.1f}",
            f"{summary.paper_count_macs / 1e6:.1f}",
            f"{paper.macs_millions:.0f}" if paper and paper.macs_millions else None,
            f"{paper.top1_percent:.2f}" if paper else None,
            f"{paper.top5_percent:.2f}" if paper else None,
        )
    return table


def network_summary(summary: NetworkSummary) -> Table:
    """Return one row for each layer; shapes are height x width x channels."""
    table = Table(
        ["<layer", "<op", "input", "output", "kernel", "stride", "groups", "params", "MACs"],
        least_important=["groups", "input", "stride", "op", "kernel"],
        title=f"{summary.name} ({summary.network.paper_name}) at {shape(summary.input_size)}",
    )
    for row in summary.layers:
        windowed = row.op in ("Conv", "MaxPool")
        table.add(
            row.name,
            row.op,
            shape(row.in_shape),
            shape(row.out_shape),
            shape(row.kernel) if windowed else None,
            row.stride if windowed else None,
            row.groups if row.op == "Conv" else None,
            row.params or None,
            row.macs or None,
        )
    table.add_total("total", None, None, None, None, None, None, summary.params, summary.macs)
    return table


def network_totals(summary: NetworkSummary) -> str:
    """Return the totals, and the peak of activation memory, which a table of layers does not show."""
    return (
        f"{summary.params / 1e6:.3f} M parameters ({summary.params * 4 / 1e6:.2f} MB as float32), "
        f"{summary.macs / 1e6:.1f} M MACs ({summary.paper_count_macs / 1e6:.1f} M by the paper's count), "
        f"peak activation memory {summary.peak_activation_bytes / 1e6:.2f} MB (float32, batch 1)"
    )


def reproduced_table(rows: Sequence[TableRow]) -> Table:
    """Return our figures beside the paper's, with the differences."""
    table = Table(
        [
            "<model",
            "<name",
            "params M",
            "paper's params M",
            "params difference M",
            "<same when rounded",
            "MACs M (paper's count)",
            "paper's MACs M",
            "MACs difference M",
            "paper's top-1 %",
            "paper's top-5 %",
        ],
        least_important=[
            "paper's top-5 %", "paper's top-1 %", "name", "paper's MACs M", "paper's params M", "same when rounded"
        ],
    )  # fmt: skip
    for row in rows:
        has_macs = row.macs_millions is not None
        table.add(
            row.model,
            row.summary.name,
            f"{row.summary.params / 1e6:.3f}",
            row.params_printed,
            f"{row.params_difference_millions:+.3f}",
            "yes" if row.agrees else "no, see below",
            f"{row.summary.paper_count_macs / 1e6:.1f}",
            f"{row.macs_millions:.0f}" if has_macs else None,
            f"{row.macs_difference_millions:+.1f}" if has_macs else None,
            f"{row.top1_percent:.2f}",
            f"{row.top5_percent:.2f}",
        )
    return table
