"""One column of a table in plain text: how wide it is, and how it becomes narrower."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Self

_ELLIPSIS = "…"
_BREAKS = re.compile(r"(?<=/)(?=\S)| ")  # a header may be broken at a space, and behind a slash


@dataclass(frozen=True, slots=True)
class Column:
    """A header of one or more lines, and a cell for each row.

    Attributes:
        name: The header in one line.
        cells: One text for each row, totals included.
        left: Whether it is text, which is aligned to the left and may be shortened; numbers are neither.
        header: The lines of the header, from the top.
        least: Characters that a shortened text keeps.
        room: Characters that each cell takes.
    """

    name: str
    cells: Sequence[str]
    left: bool
    header: tuple[str, ...]
    least: int
    room: int

    @classmethod
    def of(cls, name: str, cells: Sequence[str], *, left: bool) -> Self:
        """Return the column as wide as its widest cell or its header in one line."""
        room = max(map(display_width, (name, *cells)))
        return cls(name=name, cells=cells, left=left, header=(name,), least=room, room=room)

    def stacked(self) -> Self:
        """Return the column with its header in as many lines as make it narrowest."""
        pieces = _BREAKS.split(self.name)
        body = max(map(display_width, (*self.cells, *pieces)))
        lines = pieces[:1]
        for piece in pieces[1:]:
            joined = f"{lines[-1]}{'' if lines[-1].endswith('/') else ' '}{piece}"
            if display_width(joined) <= body:
                lines[-1] = joined
            else:
                lines.append(piece)
        return replace(self, header=tuple(lines), least=body, room=body)

    def shrinkable_to(self, characters: int) -> Self:
        """Return the column with texts that may be shortened to `characters`, and no further than its header."""
        if not self.left:
            return self
        header = max(map(display_width, self.header))
        return replace(self, least=min(self.room, max(header, characters)))

    @property
    def is_shortened(self) -> bool:
        """Whether a cell has no room for all of its characters."""
        return any(display_width(cell) > self.room for cell in self.cells)

    def cell(self, text: str) -> str:
        """Return `text` filled up or shortened to the room of the column."""
        short = shortened(text, self.room)
        filling = " " * (self.room - display_width(short))
        return short + filling if self.left else filling + short


def display_width(text: str) -> int:
    """Return how many places of a terminal a text takes: two for each East Asian character, none for an accent."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )


def shortened(text: str, room: int) -> str:
    """Return a text that fits, with an ellipsis in its middle where it would not: `stage1_bl…queeze1`."""
    if display_width(text) <= room:
        return text
    head, tail = text[: len(text) // 2], text[len(text) // 2 :]
    while head + tail and display_width(head) + display_width(tail) >= room:
        if display_width(head) > display_width(tail):
            head = head[:-1]
        else:
            tail = tail[1:]
    return f"{head}{_ELLIPSIS}{tail}"


def slack_shared(columns: Sequence[Column], slack: int) -> list[Column]:
    """Return columns at their least width, and those that are shortened with what is left, each its part."""
    given = []
    wanting = [column.room - column.least for column in columns]
    for column, wanted in zip(columns, wanting, strict=True):
        extra = min(wanted, ceil(slack * wanted / sum(wanting))) if wanted and slack > 0 else 0
        given.append(replace(column, room=column.least + extra))
        slack -= extra
        wanting = wanting[1:]
    return given
