"""Tables for people: units in the headers, numbers to the right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

_WIDEST = 1000  # characters: a table is never cut, a narrow terminal folds its lines

Cell = str | int | float | None


@dataclass(slots=True)
class Table:
    """Columns and rows. A header that starts with `<` stands to the left; numbers are formatted where they are made."""

    headers: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    title: str = ""
    totals: list[Sequence[str]] = field(default_factory=list)

    def add(self, *cells: Cell) -> None:
        """One row; None is an empty cell, an integer gets its thousands apart."""
        self.rows.append([_shown(cell) for cell in cells])

    def add_total(self, *cells: Cell) -> None:
        """A row at the end, set apart."""
        self.totals.append([_shown(cell) for cell in cells])

    def to_rich(self) -> Any:
        """A table that rich prints."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table as RichTable

        # The space between columns stands in the cells: rich takes a third longer to put it around them.
        table = RichTable(box=SIMPLE_HEAD, title=self.title or None, title_justify="left", padding=0)
        for header, name in zip(
            self.headers, _spaced(header.removeprefix("<") for header in self.headers), strict=True
        ):
            table.add_column(name, justify="left" if header.startswith("<") else "right", no_wrap=True)
        for index, row in enumerate(self.rows):
            table.add_row(*_spaced(row), end_section=bool(self.totals) and index == len(self.rows) - 1)
        for total in self.totals:
            table.add_row(*_spaced(total), style="bold")
        return table

    def to_lines(self) -> list[str]:
        """The table as it is printed: with colour on a terminal, never cut, and nothing behind the last character."""
        from rich.console import Console

        console = Console(width=_WIDEST)  # a table takes no more than it needs
        with console.capture() as captured:
            console.print(self.to_rich())
        return [line.rstrip() for line in captured.get().splitlines()]


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _spaced(row: Iterable[str]) -> list[Any]:
    """Cells with two spaces before all but the first; as they are, without markup."""
    from rich.text import Text

    return [Text(f"  {cell}" if place else cell) for place, cell in enumerate(row)]


def shape(values: Sequence[int]) -> str:
    """`55x55x64`."""
    return "x".join(str(value) for value in values)


def percent(fraction: float, digits: int = 1) -> str:
    """`0.975` as `97.5`; the unit stands in the header."""
    return f"{100 * fraction:.{digits}f}"


def signed_points(change: float, digits: int = 1) -> str:
    """Return a change of accuracy in points with its sign: `0.0484` as `+4.8`, and no `-0.0`."""
    points = round(100 * change, digits) or 0.0
    return f"{points:+.{digits}f}" if points else f"{points:.{digits}f}"
