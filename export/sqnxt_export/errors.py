"""The error classes of `sqnxt_export`; the whole tree is drawn in `sqnxt_base.errors`."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, ClassVar

from sqnxt_base.errors import SqnxtError

if TYPE_CHECKING:
    from sqnxt_export.parity import Parity


class ExportError(SqnxtError):
    """A model or an artifact cannot be read, converted or written."""


class ParityError(ExportError):
    """An artifact differs from its reference by more than its precision explains; `parity` has the figures."""

    exit_code: ClassVar[int] = 1

    def __init__(self, object: str | PathLike[str], fault: str, remedy: str, parity: Parity) -> None:
        super().__init__(object, fault, remedy)
        self.args = (*self.args, parity)  # what unpickling passes on
        self.parity = parity


def one_line(error: BaseException, limit: int = 200) -> str:
    """What a library said, fit for the middle of a one-line message: its words without line breaks, at most `limit`."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"
