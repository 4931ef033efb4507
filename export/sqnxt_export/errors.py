"""The error classes of `sqnxt_export`.

```
ExportError      something the user can mend: exit code 2
└── ParityError  the artifact was built and does not compute what the model computes: exit code 1
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .parity import Parity


class ExportError(Exception):
    """Something the user can mend. The message names the object, the fault and the remedy, in one line."""


class ParityError(ExportError):
    """An artifact differs from its reference by more than its precision explains; `parity` says by how much."""

    def __init__(self, message: str, parity: Parity) -> None:
        super().__init__(message)
        self.parity = parity


def one_line(error: BaseException, limit: int = 200) -> str:
    """What a library said, fit for the middle of a one-line message: its words without line breaks, at most `limit`."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"
