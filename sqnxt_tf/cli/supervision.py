"""A verb that opens files from anyone, done by a child process that this one watches.

Native runtimes end their process on some damaged files, and take memory and time without bound on others. The command
line therefore forks before it has loaded anything: the child does the work, and the parent waits. It holds the limits
while the child opens a file and first runs it, and reports in one line whatever ends the child. So nothing is loaded
twice, and a good file pays for one fork.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqnxt_base.limits import Limits

_TASKS = Path("/proc/self/task")


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
    from sqnxt_base.watching import end_with_parent, tell_watcher  # late: most verbs open no file from anyone
    from sqnxt_tf.cli.supervisor import PASSED_ON, Supervisor

    _State.allowed = False  # one level is enough
    reading, writing = os.pipe()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    child = os.fork()
    if child:
        os.close(writing)
        supervisor = Supervisor(child, reading, limits)
        supervisor.listen()
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        raise SystemExit(supervisor.wait())
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    os.close(reading)
    end_with_parent()
    _leave_no_core()
    tell_watcher(writing)
    _keep_temporary_files_together()


def _has_threads() -> bool:
    try:
        return len(list(_TASKS.iterdir())) > 1
    except OSError:  # not Linux
        return threading.active_count() > 1


def _keep_temporary_files_together() -> None:
    """Let libraries write temporary files to one folder, which is removed however the child ends.

    TensorFlow writes a file for each function that it traces, and removes them when Python ends, which a process that
    is killed does not live to see.
    """
    import tempfile

    from sqnxt_base.opening import temporary_folder

    folder = temporary_folder()
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder.__enter__())
    atexit.register(folder.__exit__, None, None, None)


def _leave_no_core() -> None:
    """Leave no core file behind when the child dies of a signal."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
