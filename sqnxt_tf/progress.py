"""Progress reports of long work; the caller decides who receives them."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A function that long work calls after each step; `figures` are numbers to show beside the progress bar."""

    def __call__(self, task: str, done: int, total: int, **figures: float) -> None:
        """Report that `done` of `total` steps of `task` are done."""


def silent(task: str, done: int, total: int, **figures: float) -> None:
    """Ignore the report."""
