"""Handling of Ctrl-C that never loses one.

Python raises KeyboardInterrupt at whatever line the main thread has reached. In a finaliser, or in a callback from C
code, the exception is printed and dropped, and the work continues. This module therefore remembers that Ctrl-C was
pressed, and raises the exception again at the next report of progress.
"""

from __future__ import annotations

import signal
from types import FrameType

_received = False


def listen() -> None:
    """Remember Ctrl-C from now on, unless it is ignored, as it is behind `nohup ... &`."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _remember)


def check() -> None:
    """Raise an interrupt that Python has dropped.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed since `listen`.
    """
    if _received:
        raise KeyboardInterrupt


def _remember(signum: int, frame: FrameType | None) -> None:
    global _received  # noqa: PLW0603
    _received = True
    signal.default_int_handler(signum, frame)
