"""The parent of a verb's child process: it waits, passes signals on, and reports in one line what ended the child."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from types import FrameType

from sqnxt_base.limits import Limits
from sqnxt_base.opening import remove_left_over
from sqnxt_base.watching import Watched, death_by
from sqnxt_tf.cli import interruption
from sqnxt_tf.errors import SqnxtError

_PATIENCE_SECONDS = interruption.PATIENCE_SECONDS + 0.2  # of a child that was asked to end and does it by itself
PASSED_ON = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]
_SHOW_CURSOR = "\r\x1b[K\x1b[?25h"


class Supervisor:
    """The parent, which waits for the child and passes signals on to it.

    Args:
        child: The number of the child process.
        pipe: The end of the pipe on which the child tells what it opens.
        limits: What the child may take while it opens a file.
    """

    def __init__(self, child: int, pipe: int, limits: Limits) -> None:
        self._child, self._watched = child, Watched(child, pipe, limits)
        self._asked, self._asked_until = 0, float("inf")

    def listen(self) -> None:
        """Pass signals on from now on, except those that are ignored."""
        for number in PASSED_ON:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._pass_on)

    def wait(self) -> int:
        """Return the exit code of the child, once it has ended.

        Raises:
            SqnxtError: A signal ended it, or it exceeded a limit.
        """
        while self._watched.look():
            fault = self._watched.fault()
            if fault or time.monotonic() > self._asked_until:
                os.kill(self._child, signal.SIGKILL)
            if fault:
                os.waitpid(self._child, 0)
                raise self._error(*fault)
        _, status = os.waitpid(self._child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code >= 0:
            remove_left_over(self._watched.left_over)
            return code
        if not self._asked:
            raise self._error(*death_by(-code))
        self._tidy()
        sys.stderr.write("error: interrupted\n")
        return 128 + self._asked

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self._asked, self._asked_until = number, min(self._asked_until, time.monotonic() + _PATIENCE_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, number)

    def _tidy(self) -> None:
        """Remove what the child could not, and show the cursor that its bar of progress has hidden."""
        remove_left_over(self._watched.left_over)
        if sys.stderr.isatty():
            sys.stderr.write(_SHOW_CURSOR)
            sys.stderr.flush()

    def _error(self, fault: str, remedy: str) -> SqnxtError:
        self._tidy()
        return SqnxtError(self._watched.path, fault, remedy)
