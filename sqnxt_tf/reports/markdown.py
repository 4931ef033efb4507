"""Markdown whose text may come from anyone's file: nothing in it becomes markup, a link or HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_MARKUP = re.compile(r"([\\`*_\[\]<>&|#~$!:@^])")
_WEB_ADDRESS = re.compile(r"(?i)\b(www)\.")
_LONGEST = 500


def escaped(text: object) -> str:
    """Return a text in one line in which every character stands for itself, to stand behind others in a line.

    It is cut to 500 characters. `:` and `@` are escaped too, since many readers of Markdown turn bare addresses into
    links.
    """
    shown = (c if c.isprintable() or c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in str(text))
    plain = " ".join("".join(shown).split())
    plain = plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
    return _WEB_ADDRESS.sub(r"\1\\.", _MARKUP.sub(r"\\\1", plain))


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return the lines of a table; cells are escaped, headers are not."""
    return [
        f"| {' | '.join(headers)} |",
        f"|{'---|' * len(headers)}",
        *(f"| {' | '.join(map(escaped, row))} |" for row in rows),
    ]


def fenced(language: str, code: str) -> list[str]:
    """Return the lines of a code block."""
    return [f"```{language}", *code.strip("\n").splitlines(), "```"]
