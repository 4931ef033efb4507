"""Every error that the user can fix, as one tree.

```
SqnxtError                     the root; exit code 2 of the command line
├── BudgetError                a result exceeds a budget; exit code 1
├── DivergedError              the loss of a training run is not a finite number
├── ExportError                a model or an artifact cannot be read, converted or written
│   └── ParityError            an artifact does not compute what its model computes; exit code 1
├── SimulatorError             a graph or an accelerator cannot be read or simulated
│   └── NoRoomError            a layer fits the buffers of an accelerator in no tile size
├── TooSmallError              a network does not fit its input size
├── TooManyUnreadableError     more images than allowed cannot be read
├── UnreadableImageError       one image cannot be read
└── WorkerLostError            another worker of a distributed run is gone
```

Each class lives in the package that raises it. Code that calls this library needs to catch the root only.
"""

from __future__ import annotations

from os import PathLike, fspath
from typing import ClassVar, Self

from sqnxt_base.printable_text import joined_lines, printable


class SqnxtError(Exception):
    """A fault that the user can fix, reported in one line: `object: fault; remedy`.

    Libraries name parameters in backticks, as in "pass `force=True`"; the command line shows them as its own options.
    Its text is printable, whatever the names that it quotes consist of (see `printable_text`).

    Attributes:
        object: What the error is about: a file, a layer, a parameter.
        fault: What is wrong with it.
        remedy: What the user can do; empty where nothing can be done or the fault already says it.
    """

    exit_code: ClassVar[int] = 2
    """Exit code of the command line: 2 for bad input, 1 if the work was done and the answer is no."""

    def __init__(self, object: str | PathLike[str], fault: str, remedy: str = "") -> None:
        super().__init__(fspath(object), fault, remedy)
        self.object = fspath(object)
        self.fault = fault
        self.remedy = remedy

    def __str__(self) -> str:
        fault = f"{self.fault}; {self.remedy}" if self.remedy else self.fault
        return f"{printable(self.object)}: {joined_lines(fault)}"

    def about(self, object: str | PathLike[str]) -> Self:
        """Return the same error about another object, such as the file in which a library found the fault."""
        return type(self)(object, *self.args[1:])
