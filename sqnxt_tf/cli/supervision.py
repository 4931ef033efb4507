"""A verb that opens files from anyone, done by a child process that this one watches.

Native runtimes end their process on some damaged files, and take memory and time without bound on others. The command
line therefore forks before it has loaded anything: the child does the work, and the parent waits. It holds the limits
while the child opens a file and first runs it, and reports in one line whatever ends the child. So nothing is loaded
twice, and a good file pays for one fork.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from sqnxt_base.opening import Limits, remove_left_over
from sqnxt_base.watching import Watched, death_by, end_with_parent, tell_watcher
from sqnxt_tf.cli import interruption
from sqnxt_tf.errors import SqnxtError

_PATIENCE_SECONDS = interruption.PATIENCE_SECONDS + 0.2  # of a child that was asked to end and does it by itself
_PASSED_ON = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]
_TASKS = Path("/proc/self/task")
_SHOW_CURSOR = "\r\x1b[K\x1b[?25h"


class _State:
    """Whether this process may fork; only the command line, which owns its process, says so."""

    allowed = False


def allow() -> None:
    """Let verbs be supervised: this process belongs to the command line."""
    _State.allowed = True


def supervise(limits: Limits) -> None:
    """Fork, and return in the child only, which does the work and announces the files that it opens.

    It does nothing where there is no fork, where another program has called the command line, and where there are
    threads already: a child would wait forever for a lock that such a thread held.

    Raises:
        SystemExit: In the parent: the child has ended, with this exit code.
        SqnxtError: In the parent: a file ended the child, or exceeded a limit.
    """
    if not _State.allowed or not hasattr(os, "fork") or _has_threads():
        return
    _State.allowed = False  # one level is enough
    reading, writing = os.pipe()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    child = os.fork()
    if child:
        os.close(writing)
        supervisor = _Supervisor(child, reading, limits)
        supervisor.listen()
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        raise SystemExit(supervisor.wait())
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    os.close(reading)
    end_with_parent()
    _leave_no_core()
    tell_watcher(writing)


class _Supervisor:
    """The parent, which waits for the child and passes signals on to it."""

    def __init__(self, child: int, pipe: int, limits: Limits) -> None:
        self._child, self._watched = child, Watched(child, pipe, limits)
        self._asked, self._asked_until = 0, float("inf")

    def listen(self) -> None:
        """Pass signals on from now on, except those that are ignored."""
        for number in _PASSED_ON:
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


def _has_threads() -> bool:
    try:
        return len(list(_TASKS.iterdir())) > 1
    except OSError:  # not Linux
        return threading.active_count() > 1


def _leave_no_core() -> None:
    """Leave no core file behind when the child dies of a signal."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
