"""What happens when one of several files cannot be read or run: stop, or report it and continue with the others."""

from __future__ import annotations

from typing import Protocol


class FaultHandler(Protocol):
    """A function that is called with the error of one file. The work continues with the next file if it returns."""

    def __call__(self, error: Exception) -> None:
        """Print the error, remember it, or raise it."""


def raise_fault(error: Exception) -> None:
    """Stop at the first fault: the default handler."""
    raise error
