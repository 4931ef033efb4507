"""Tables for people: units in the headers, numbers aligned to the right."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqnxt_base.printable_text import printable
from sqnxt_tf.reports.columns import Column
from sqnxt_tf.reports.fitting import Fit, fit, needed_width

_BOLD, _DIM, _ITALIC, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[3m", "\x1b[0m"
_INDENT = "     "  # of what stands below a row

Cell = str | int | float | None


@dataclass(slots=True)
class Table:
    """Columns and rows, as plain text.

    Attributes:
        headers: One header a column. Text columns begin with `<` and are aligned to the left.
        rows: The cells of each row; numbers are formatted where they are made.
        title: The line above the table, or several.
        totals: Rows at the end, set apart.
        least_important: Headers (without `<`) of the columns that a narrow terminal does without, the first one first.
        beneath: Headers (without `<`) of text columns that a narrow terminal shows in lines below each row.
    """

    headers: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    title: str | Sequence[str] = ""
    totals: list[Sequence[str]] = field(default_factory=list)
    least_important: Sequence[str] = ()
    beneath: Sequence[str] = ()

    def add(self, *cells: Cell) -> None:
        """Add a row; None is an empty cell, an integer gets separators of thousands."""
        self.rows.append([_shown(cell) for cell in cells])

    def add_total(self, *cells: Cell) -> None:
        """Add a row at the end, set apart."""
        self.totals.append([_shown(cell) for cell in cells])

    def to_lines(self, width: int | None = None, *, styled: bool = False) -> list[str]:
        """Return the lines of the table.

        Args:
            width: Characters of a line; a table that is wider shows less (see `fitting.fit`). None: all of it.
            styled: Whether to set title, headers and totals apart with ANSI codes.
        """
        fitted = fit(self._columns(), width, least_important=self.least_important, beneath=self.beneath)
        lines = [(_ITALIC, line) for line in _wrapped_title(self.title, width)]
        for block in fitted.blocks:
            lines += [("", ""), *self._block_lines(block, fitted, width)]
        lines += [(_DIM, line) for line in _hint_lines(fitted, width)]
        lines.append(("", ""))
        return [_with_style(style if styled else "", line.rstrip()) for style, line in lines]

    def _columns(self) -> list[Column]:
        return [
            Column.of(
                printable(header.removeprefix("<")),
                [row[place] for row in (*self.rows, *self.totals)],
                left=header.startswith("<"),
            )
            for place, header in enumerate(self.headers)
        ]

    def _block_lines(self, block: Sequence[Column], fitted: Fit, width: int | None) -> Iterator[tuple[str, str]]:
        """Yield header, rule, rows and totals of columns side by side, each line with its style."""
        height = max(len(column.header) for column in block)
        for line in range(height):
            names = [("",) * (height - len(column.header)) + column.header for column in block]
            yield _BOLD, _line(block, [name[line] for name in names], fitted.gap)
        yield "", " " + "─" * (needed_width(block, fitted.gap) - 1)
        for row in range(len(self.rows) + len(self.totals)):
            if row == len(self.rows) > 0:
                yield "", ""
            style = _BOLD if row >= len(self.rows) else ""
            yield style, _line(block, [column.cells[row] for column in block], fitted.gap)
            for column in fitted.beneath if block is fitted.blocks[-1] else ():
                yield from ((_DIM, line) for line in _paragraph(column.cells[row], width, _INDENT))


def _shown(cell: Cell) -> str:
    """Return the text of a cell, in which nothing moves the cursor: names come from files of strangers."""
    if cell is None:
        return ""
    return printable(f"{cell:,}" if isinstance(cell, int) else str(cell))


def _line(columns: Sequence[Column], cells: Sequence[str], gap: int) -> str:
    return " " + (" " * gap).join(column.cell(cell) for column, cell in zip(columns, cells, strict=True))


def _with_style(style: str, line: str) -> str:
    return f"{style}{line}{_PLAIN}" if style and line else line


def _wrapped_title(title: str | Sequence[str], width: int | None) -> list[str]:
    lines = [printable(line) for line in ([title] if isinstance(title, str) else title) if line]
    return lines if width is None else [part for line in lines for part in textwrap.wrap(line, width)]


def _hint_lines(fitted: Fit, width: int | None) -> list[str]:
    """Return which columns are missing and how to see them; nothing where all is shown."""
    missing = f"Not shown: {', '.join(fitted.dropped)}. " if fitted.dropped else ""
    short = "Long names are shortened. " if fitted.is_shortened else ""
    if not missing and not short:
        return []
    hint = f"{missing}{short}`--wide` shows the whole table."
    return _paragraph(hint, width, " ")


def _paragraph(text: str, width: int | None, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        len(indent) + len(text) if width is None else width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def shape(values: Sequence[int]) -> str:
    """Return sides with a cross between them: `55x55x64`."""
    return "x".join(str(value) for value in values)


def percent(fraction: float, digits: int = 1) -> str:
    """Return a fraction in per cent, without the sign, which stands in the header: `0.975` as `97.5`."""
    return f"{100 * fraction:.{digits}f}"


def signed_points(change: float, digits: int = 1) -> str:
    """Return a change of accuracy in points with its sign: `0.0484` as `+4.8`, and no `-0.0`."""
    points = round(100 * change, digits) or 0.0
    return f"{points:+.{digits}f}" if points else f"{points:.{digits}f}"
