"""What one entry of an accelerator file may be: a number in a range, or true or false."""

from __future__ import annotations

from typing import NamedTuple


class Number(NamedTuple):
    """What one entry may be, and what it means. `meaning` is the comment that stands above it in a new file."""

    low: float
    high: float
    meaning: str
    unit: str = ""
    whole: bool = False
    optional: bool = False

    def __str__(self) -> str:
        return f"{'a whole number' if self.whole else 'a number'} in {self.low:g}..{self.high:g}"

    @property
    def example(self) -> str:
        """A value as a file writes it."""
        return f"{self.low:g}"

    def accepts(self, value: object) -> bool:
        """Return whether a value is allowed."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            return False
        return self.low <= value <= self.high


class Flag(NamedTuple):
    """An entry that is true or false, and false if it is left out."""

    meaning: str
    unit: str = ""
    optional: bool = True

    def __str__(self) -> str:
        return "true or false"

    @property
    def example(self) -> str:
        """A value as a file writes it."""
        return "false"

    def accepts(self, value: object) -> bool:
        """Return whether a value is allowed."""
        return isinstance(value, bool)
