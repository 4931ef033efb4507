"""The terminal that stdout may be: its width, and whether it shows styles."""

from __future__ import annotations

import io
import os
import shutil
import sys
import textwrap


def width() -> int | None:
    """Return the characters of a line; None where stdout is a file or a pipe, which take lines of any length."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def is_styled() -> bool:
    """Return whether bold and dim text may be printed; `NO_COLOR` and dumb terminals rule it out."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def take_any_text() -> None:
    """Let stdout and stderr show what their encoding lacks as escapes, where it is not UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def folded(line: str, columns: int | None) -> list[str]:
    """Return a line as lines of at most `columns` characters, broken between words where possible."""
    if columns is None or len(line) <= columns:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(line, columns, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
