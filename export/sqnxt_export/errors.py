"""The error classes of `sqnxt_export`; the whole tree is drawn in `sqnxt_base.errors`."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, ClassVar

from sqnxt_base.errors import SqnxtError
from sqnxt_base.printable_text import one_line

if TYPE_CHECKING:
    from sqnxt_export.parity_result import Parity

__all__ = ["ExportError", "ParityError", "one_line"]


class ExportError(SqnxtError):
    """A fault that keeps a model or an artifact from being read, converted or written."""


class ParityError(ExportError):
    """An artifact differs from its model by more than its precision explains, or exceeds its budget.

    Attributes:
        parity: The figures of the comparison.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, object: str | PathLike[str], fault: str, remedy: str, parity: Parity) -> None:
        super().__init__(object, fault, remedy)
        self.args = (*self.args, parity)  # unpickling passes these to __init__
        self.parity = parity
