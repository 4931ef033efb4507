"""Handling of Ctrl-C and SIGTERM that never loses one, and never waits long.

Python raises KeyboardInterrupt at whatever line the main thread has reached. In a finaliser, or in a callback from C
code, the exception is printed and dropped, and the work continues. This module therefore remembers the signal, and
raises the exception again at the next report of progress. While a library is busy in C code, Python raises nothing at
all; `insisting` then ends the process.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sqnxt_base.opening import remove_left_over

PATIENCE_SECONDS = 1.3
"""How long the work has to end by itself, and to tidy up."""
_TWICE_SECONDS = 0.5
_INTERRUPTED = 128


class _Received:
    """The signal that asked this process to end, and when; 0 if none did."""

    number = 0
    at = 0.0


def listen() -> None:
    """Remember Ctrl-C and SIGTERM from now on, unless they are ignored, as Ctrl-C is behind `nohup ... &`."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _remember)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _remember)


def check() -> None:
    """Raise an interrupt that Python has dropped.

    Raises:
        KeyboardInterrupt: A signal has come since `listen`.
    """
    if _Received.number:
        raise KeyboardInterrupt


def is_asked() -> bool:
    """Tell whether a signal has asked this process to end."""
    return bool(_Received.number)


def exit_code() -> int:
    """Return the exit code of an interrupted process: 130 after Ctrl-C, 143 after SIGTERM."""
    return _INTERRUPTED + (_Received.number or signal.SIGINT)


@contextmanager
def insisting() -> Iterator[None]:
    """End this process soon after a signal in the block, even if it is busy in C code, where Python raises nothing.

    What the work could not remove by then is removed.
    """
    if threading.current_thread() is not threading.main_thread() or not _is_listening():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    thread = threading.Thread(target=_end_soon_after_signal, args=(reading,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        if not _Received.number:  # else the block has ended, but what follows may be slow too
            signal.set_wakeup_fd(before)
            os.close(writing)  # ends the thread


def _is_listening() -> bool:
    return _remember in (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))


def _end_soon_after_signal(pipe: int) -> None:
    """Read the numbers of signals, which C code writes as they come, until the other end is closed."""
    while numbers := os.read(pipe, 1):
        if signal.getsignal(numbers[0]) is _remember:
            time.sleep(PATIENCE_SECONDS)
            remove_left_over()
            if not _Received.at:  # nobody has said so yet
                sys.stderr.write("error: interrupted\n")
                sys.stderr.flush()
            os._exit(_INTERRUPTED + numbers[0])
    os.close(pipe)


def _remember(signum: int, frame: FrameType | None) -> None:
    now = time.monotonic()
    if _Received.number and now - _Received.at < _TWICE_SECONDS:
        return  # a terminal sends Ctrl-C to this process and to its parent, which passes it on
    _Received.number, _Received.at = signum, now
    signal.default_int_handler(signum, frame)
