"""What happens when one of several things that were asked for cannot be done."""

from __future__ import annotations

from typing import Protocol

from sqnxt_export.errors import ExportError
from sqnxt_tf.errors import SqnxtError

FAULTS = (SqnxtError, ExportError)
"""Errors that the user can mend, and that leave the other files of a call to be done."""


class OnFault(Protocol):
    """Called with the error; the work goes on with the next thing if it returns."""

    def __call__(self, error: Exception) -> None:
        """Tell it, remember it, or raise it."""


def stop(error: Exception) -> None:
    """Go no further."""
    raise error
