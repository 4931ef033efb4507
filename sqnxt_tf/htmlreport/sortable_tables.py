"""Tables that the reader of the page can sort: every cell has the value that it is sorted by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a column. `left` is for columns of text, `names` for the column that names the rows."""

    text: str
    left: bool = False
    names: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """The text of a cell, the value to sort by (None: its text), and the fraction of its bar that is filled."""

    text: str
    value: float | None = None
    bar: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a sortable table. `kind` and `layer` link it to the charts' marks, `mine` highlights it."""

    cells: Sequence[Cell]
    kind: str = ""
    layer: int | None = None
    mine: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SortableTable:
    """A table that the reader can sort."""

    caption: str
    headers: Sequence[Header]
    rows: Sequence[Row]


def headers(*texts: str) -> list[Header]:
    """Return headers. A column of text begins with `<`, the column that names the rows with `<<`."""
    return [Header(text.lstrip("<"), text.startswith("<"), text.startswith("<<")) for text in texts]
