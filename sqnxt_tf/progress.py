"""How long work tells how far it is, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called as work goes on; `figures` are numbers to show beside the bar."""

    def __call__(self, task: str, done: int, total: int, **figures: float) -> None:
        """`done` of `total` steps of `task` are done."""


def silent(task: str, done: int, total: int, **figures: float) -> None:
    """Tells nobody."""
