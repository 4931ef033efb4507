"""The networks of an evolution as a table, and as a picture that joins parents to offspring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.printable_text import printable_in_picture
from sqnxt_export import whole_file
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.reports.label_places import place_labels
from sqnxt_tf.reports.picture_files import check_picture_file
from sqnxt_tf.reports.tables import Table, percent, signed_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sqnxt_tf.evolution.lineage import Lineage, Member

_CHOSEN, _OTHERS = "#0072B2", "#999999"
_DOT_COUNTS = 10  # covering a dot is as bad as covering so many points of a line


def lineage_table(lineage: Lineage) -> Table:
    """Return one row a network, the founder first; a star marks the parent of the next generation."""
    headers = ["<network", "<parent", "F", "filters", "parameters", "MB", "MACs", "Mcycles", "energy M",
               "val top-1 %", "top-1 %", "95 % interval", "change, points", "score"]  # fmt: skip
    array = lineage.settings.get("accelerator", "")
    table = Table(headers, title=f"Lineage (MB of float32 weights; cycles and energy simulated on {array})")
    chosen = {member.name for member in lineage.line()}
    for member in lineage.members:
        star = "*" if member.name in chosen and member.parent else ""
        table.add(
            f"{member.name}{star}",
            member.parent,
            None if member.environment is None else f"{member.environment:.3f}",
            member.filters,
            member.parameters,
            f"{member.bytes / 1e6:.3f}",
            member.macs,
            f"{member.cycles / 1e6:.3f}",
            f"{member.energy / 1e6:.1f}",
            percent(member.validation),
            percent(member.top1),
            f"{percent(member.top1_low)}-{percent(member.top1_high)}",
            signed_points(-lineage.lost(member)) if member.parent else None,
            f"{member.score:.2f}",
        )
    return table


def lineage_lines(lineage: Lineage) -> list[str]:
    """Return a summary of the last offspring and where its file is."""
    line = lineage.line()
    if len(line) == 1:
        return []
    first, last, founder = line[1], line[-1], lineage.founder
    return [
        f"{lineage.path(last)}: {last.bytes / 1e6:.2f} MB, {founder.bytes / last.bytes:.2f} times smaller than the "
        f"founder, {founder.cycles / last.cycles:.2f} times as fast; top-1 {percent(last.top1)} %, "
        f"{_points(lineage.lost(last))} than the founder's and {_points(lineage.lost_in_line())} than that of "
        f"{first.name} of {first.bytes / 1e6:.2f} MB"
    ]


def _points(lost: float) -> str:
    return f"{abs(100 * lost):.1f} points {'less' if lost >= 0 else 'more'}"


def check_lineage_picture(path: Path, *, force: bool) -> None:
    """Refuse a picture that cannot be drawn or written, before hours of training.

    Raises:
        SqnxtError: The suffix is unknown, matplotlib is not installed, or the file exists and `force` is not set.
        ExportError: The file cannot be written.
    """
    if path.is_file() and not force:
        raise SqnxtError(path, "exists already", "choose another name; `force=True` would start the evolution afresh")
    check_picture_file(path, force=force)


def draw_lineage(lineage: Lineage, path: Path, *, force: bool = False) -> None:
    """Draw accuracy against size; the suffix of `path` chooses the format.

    Sizes shrink to the right, and the area of a dot is proportional to its simulated cycles.

    Raises:
        SqnxtError: See `check_lineage_picture`.
        ExportError: The file cannot be written.
    """
    check_lineage_picture(path, force=force)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.add_subplot()
    chosen = {member.name for member in lineage.line()}
    by_name = {member.name: member for member in lineage.members}
    for member in lineage.members:
        if member.parent is not None:
            _draw_descent(axes, by_name[member.parent], member, member.name in chosen)
    for member in lineage.members:
        _draw_member(axes, member, lineage.founder, member.name in chosen)
    accelerator = printable_in_picture(str(lineage.settings.get("accelerator", "")))
    axes.set(
        xlabel="MB of float32 weights", ylabel="top-1 on the test part, %",
        title=f"{len(lineage.members) - 1} offspring; areas are cycles on {accelerator}, bars 95 % intervals",
    )  # fmt: skip
    axes.invert_xaxis()
    axes.margins(x=0.12, y=0.15)
    axes.grid(alpha=0.3)
    _name_members(axes, lineage)
    with whole_file(path, force=force) as temporary:
        figure.savefig(temporary, dpi=150)


def _place(member: Member) -> tuple[float, float]:
    return member.bytes / 1e6, 100 * member.top1


def _draw_descent(axes: Axes, parent: Member, child: Member, chosen: bool) -> None:
    arrow: dict[str, Any] = {"arrowstyle": "->", "color": _CHOSEN if chosen else _OTHERS, "shrinkA": 8, "shrinkB": 8}
    axes.annotate("", _place(child), _place(parent), arrowprops=arrow)


def _draw_member(axes: Axes, member: Member, founder: Member, chosen: bool) -> None:
    (x, y), colour = _place(member), _CHOSEN if chosen else _OTHERS
    low, high = 100 * member.top1_low, 100 * member.top1_high
    axes.errorbar([x], [y], yerr=[[max(0.0, y - low)], [max(0.0, high - y)]], color=colour, alpha=0.35, linewidth=1)
    axes.scatter([x], [y], s=400 * member.cycles / founder.cycles, color=colour, alpha=0.7, linewidths=0)


def _name_members(axes: Axes, lineage: Lineage) -> None:
    """Write name, size and accuracy beside each dot, where they cover no dot, arrow or interval."""
    by_name = {member.name: member for member in lineage.members}
    points = np.array([_place(member) for member in lineage.members])
    bars = [
        _between((x, 100 * one.top1_low), (x, 100 * one.top1_high))
        for one, (x, _) in zip(lineage.members, points, strict=True)
    ]
    arrows = [_between(_place(by_name[one.parent]), _place(one)) for one in lineage.members if one.parent is not None]
    texts = [
        f"{printable_in_picture(one.name)}\n{x:.2f} MB, {y:.1f} %"
        for one, (x, y) in zip(lineage.members, points, strict=True)
    ]
    place_labels(axes, texts, points, np.concatenate([*bars, *arrows, *[points] * _DOT_COUNTS]))


def _between(start: tuple[float, float], end: tuple[float, float]) -> NDArray[np.float64]:
    """Return points along a line, float64 [n, 2]."""
    return np.linspace(start, end, 60)
