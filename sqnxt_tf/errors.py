"""Error classes of `sqnxt_tf`; `sqnxt_base.errors` draws the whole tree."""

from __future__ import annotations

from typing import ClassVar

from sqnxt_base.errors import SqnxtError

__all__ = ["BudgetError", "DivergedError", "SqnxtError"]


class BudgetError(SqnxtError):
    """The work was done, and its result exceeds a budget."""

    exit_code: ClassVar[int] = 1


class DivergedError(SqnxtError):
    """The loss of a training run is not a finite number."""
