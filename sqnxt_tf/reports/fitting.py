"""What gives way where a table is wider than the terminal; never a character of a number."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqnxt_tf.reports.columns import Column, slack_shared

WIDE_GAP = 3  # spaces between columns
_NARROW_GAP = 2
_SHORT_NAME, _SHORTEST_NAME = 30, 12  # characters
_MOST_OF_A_LINE = 3 / 8  # that a name may take while columns are left out for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How a table is drawn: blocks of columns below each other, of which each begins with the first column.

    Attributes:
        blocks: Columns side by side; more than one block where even the most important columns need more room.
        beneath: Columns whose cells stand in lines of their own below their row.
        dropped: Headers of the columns that are left out.
        gap: Spaces between columns.
    """

    blocks: Sequence[Sequence[Column]]
    beneath: Sequence[Column] = ()
    dropped: Sequence[str] = ()
    gap: int = WIDE_GAP

    @property
    def is_shortened(self) -> bool:
        """Whether a text is not shown in full."""
        return any(column.is_shortened for block in self.blocks for column in block)


def fit(
    columns: Sequence[Column], width: int | None, *, least_important: Sequence[str] = (), beneath: Collection[str] = ()
) -> Fit:
    """Fit columns into `width` characters; without a width, every column is as wide as it needs to be.

    Each step is taken only where those before it leave the table too wide: headers in several lines; the columns
    `beneath` below their rows, and names down to 30 characters; the `least_important` columns left out, of which those
    that come last are kept where they have room; names down to 12 characters; blocks of columns below each other.
    """
    if width is None or needed_width(columns, WIDE_GAP) <= width:
        return Fit(blocks=[columns])
    narrow = [column.stacked() for column in columns]
    if needed_width(narrow, _NARROW_GAP) <= width:
        return Fit(blocks=[narrow], gap=_NARROW_GAP)
    below = [column for column in narrow if column.name in beneath]
    short = min(_SHORT_NAME, int(_MOST_OF_A_LINE * width))
    kept = [column.shrinkable_to(short) for column in narrow if column.name not in beneath]
    kept, dropped = _without_least_important(kept, width, least_important)
    if _least_width(kept) > width:
        kept = [column.shrinkable_to(_SHORTEST_NAME) for column in kept]
    blocks = [_widened(block, width) for block in _split(kept, width)]
    return Fit(blocks=blocks, beneath=below, dropped=dropped, gap=_NARROW_GAP)


def needed_width(columns: Sequence[Column], gap: int) -> int:
    """Return the characters of a line of these columns; it begins with a space."""
    return 1 + sum(column.room for column in columns) + gap * (len(columns) - 1)


def _least_width(columns: Sequence[Column]) -> int:
    return needed_width([replace(column, room=column.least) for column in columns], _NARROW_GAP)


def _without_least_important(
    columns: list[Column], width: int, least_important: Sequence[str]
) -> tuple[list[Column], list[str]]:
    """Return the columns that stay, and the names of those that do not.

    Columns are taken in from the most important on, so that where a wide one has no room, a narrower one may have.
    """
    dropped = {name for name in least_important if any(column.name == name for column in columns)}
    for name in reversed(least_important):
        more = [column for column in columns if column.name not in dropped - {name}]
        if _least_width(more) <= width:
            dropped.discard(name)
    kept = [column for column in columns if column.name not in dropped]
    return kept, list(dict.fromkeys(column.name for column in columns if column.name in dropped))


def _split(columns: list[Column], width: int) -> list[list[Column]]:
    """Return blocks that are no wider than `width`, each with the first column; of two columns at least."""
    first, *others = columns
    blocks = [[first]]
    for column in others:
        if len(blocks[-1]) > 1 and _least_width([*blocks[-1], column]) > width:
            blocks.append([first])
        blocks[-1].append(column)
    return blocks


def _widened(block: Sequence[Column], width: int) -> list[Column]:
    return slack_shared(block, width - _least_width(block))
