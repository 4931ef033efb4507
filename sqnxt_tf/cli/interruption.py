"""Ctrl-C, so that it is never lost.

Python raises KeyboardInterrupt wherever the main thread stands. In a finaliser or in a callback from C code that is
printed and forgotten, and the work goes on; so it is remembered here, and raised again at the next sign of progress.
"""

from __future__ import annotations

import signal
from types import FrameType

_received = False


def listen() -> None:
    """Remember Ctrl-C from now on; where it is ignored, as behind `nohup ... &`, it stays so."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _remember)


def check() -> None:
    """Raise KeyboardInterrupt if one has been lost."""
    if _received:
        raise KeyboardInterrupt


def _remember(signum: int, frame: FrameType | None) -> None:
    global _received  # noqa: PLW0603
    _received = True
    signal.default_int_handler(signum, frame)
