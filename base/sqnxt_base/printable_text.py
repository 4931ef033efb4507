r"""Text from files as every way out shows it: terminal, log, CSV, picture and HTML.

Names, labels, metadata and the errors of libraries that quote them come from files of strangers. What would move a
cursor, break a line, turn the direction of writing or fail to encode is shown as an escape instead:

| in the text | shown as |
|---|---|
| tab, line feed, ESC, NUL and the other control characters of ASCII | `\t`, `\n`, `\x1b`, `\x00` |
| a byte that is not UTF-8 (which Python holds as half of a surrogate pair) | `\xff` |
| other control characters, line separators | `\u0085`, `\u2028` |
| direction marks, lone surrogates | `\u202e`, `\ud800` |
| what has no shape, such as invisible tags and unassigned characters | `\U000e0041` |

All else stays as it is, letters of any script and the joiners inside emoji included.
"""

from __future__ import annotations

import re
import unicodedata

_NAMED = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
_SHAPELESS = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # within words of Persian and Hindi, and within emoji
_BYTES = range(0xDC80, 0xDD00)  # what the error handler `surrogateescape` makes of bytes from 0x80 on
_LINE_BREAK = re.compile(r"[ \t]*(?:\r\n|\r|\n)\s*")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")  # which spreadsheets evaluate, even inside quotes
_NUMBER = re.compile(r"[+-]?[\d.]+(e[+-]?\d+)?")
_LONGEST_QUOTE = 200


def printable(text: str) -> str:
    """Return a text in one line, in which nothing is left that is not shown as itself."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if _has_shape(one) else _escaped(one) for one in text)


def printable_lines(text: str) -> str:
    """Return what `printable` returns for each line of a text that has several, such as a file; tabs stay too."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.replace("\r\n", "\n").split("\n"))


def printable_html(text: str) -> str:
    """Return a text that can stand between the tags of a page, or within the quotes of an attribute."""
    from html import escape  # its table of entities would be a hundredth of a short command

    return escape(printable(text))


def printable_cell(value: object) -> object:
    """Return a value as a cell of a CSV file; a text that a spreadsheet would evaluate begins with an apostrophe.

    Source: OWASP, "CSV Injection".
    """
    if not isinstance(value, str):
        return value
    is_formula = value.lstrip(" ").startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(value)
    return f"'{printable(value)}" if is_formula else printable(value)


def printable_in_picture(text: str) -> str:
    """Return a text for matplotlib, which reads what stands between dollar signs as a formula."""
    return printable(text).replace("$", "\\$")


def one_line(error: BaseException, limit: int = _LONGEST_QUOTE) -> str:
    """Return a library's message in one line, cut to `limit` characters, to be quoted in another message."""
    text = joined_lines(str(error)).strip() or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"


def joined_lines(text: str) -> str:
    """Return what `printable` returns for a message of several lines; spaces take the place of its line breaks."""
    return printable(_LINE_BREAK.sub(" ", text))


def _has_shape(one: str) -> bool:
    return one.isprintable() or one in _JOINERS or unicodedata.category(one) not in _SHAPELESS


def _escaped(one: str) -> str:
    code = ord(one)
    if one in _NAMED:
        return _NAMED[one]
    if code in _BYTES:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
