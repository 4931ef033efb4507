"""A watch on another process of ours while it opens a file from anyone, and the words for how such a process ended.

Memory is watched from outside, by what is really in use. The kernel's own limits do not fit native runtimes:
RLIMIT_AS and RLIMIT_DATA count what is reserved, and TensorFlow, XNNPACK and the allocators of threads reserve many
times what they touch. A runtime that meets such a limit ends with SIGSEGV or SIGABRT, which tells nobody why.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from pathlib import Path

from sqnxt_base.limits import Limits
from sqnxt_base.opening import Event, tell_openings

INTERVAL = 0.01
"""Seconds between two looks. A process takes some 20 MB in that time at worst."""
_IDLE_INTERVAL = 0.2  # while it opens nothing
_END = b"\0"
_LONGEST_STEP = 0.5
_PR_SET_PDEATHSIG = 1
_KILLED = getattr(signal, "SIGKILL", 9)

Fault = tuple[str, str]
"""Fault and remedy of an error about the file that was opened."""


class Watch:
    """Looks at one process from the moment at which it begins to open or to run a file."""

    def __init__(self, process: int, limits: Limits) -> None:
        self._memory = Path(f"/proc/{process}/statm")
        self._before = resident_bytes(self._memory)  # images in memory, or what a training run has taken
        self._limits = limits
        self._seconds, self._last_look = 0.0, time.monotonic()

    def fault(self) -> Fault | None:
        """Return which limit the process has exceeded by now, or None."""
        now = time.monotonic()
        # A machine that slept, or a terminal that was stopped with Ctrl-Z, does not count.
        self._seconds += min(now - self._last_look, _LONGEST_STEP)
        self._last_look = now
        if self._seconds > self._limits.seconds:
            fault = f"was stopped, as opening it or its first run took more than {self._limits.seconds:g} s"
            return fault, "give more seconds with `timeout` if you trust it"
        if resident_bytes(self._memory) - self._before > self._limits.memory_bytes:
            fault = f"was stopped, as opening it or its first run took more than {_size(self._limits.memory_bytes)}"
            return fault, "give more with `memory` if you trust it"
        return None


class Watched:
    """Another process of ours that tells on a pipe which files it opens, and what it makes for a while.

    Attributes:
        path: The file that it has opened last.
        left_over: The temporary files and folders that it has made and not removed.
    """

    def __init__(self, process: int, pipe: int, limits: Limits) -> None:
        self.path, self.left_over = "model", set[str]()
        self._process, self._pipe, self._limits = process, pipe, limits
        self._watch: Watch | None = None
        self._unread = b""

    def look(self) -> bool:
        """Wait for news or for the time of the next look; return False once the process has ended."""
        ready, _, _ = select.select([self._pipe], [], [], INTERVAL if self._watch else _IDLE_INTERVAL)
        if not ready:
            return True
        received = os.read(self._pipe, 1 << 16)
        *messages, self._unread = (self._unread + received).split(_END)
        for message in messages:
            self._hear(Event(message[:1].decode()), os.fsdecode(message[1:]))
        return bool(received)

    def fault(self) -> Fault | None:
        """Return the limit that it exceeds while it opens or first runs a file, or None."""
        return self._watch.fault() if self._watch else None

    def _hear(self, event: Event, path: str) -> None:
        match event:
            case Event.OPENING:
                self.path = path or self.path
                self._watch = Watch(self._process, self._limits)
            case Event.OPENED:
                self._watch = None
            case Event.MADE:
                self.left_over.add(path)
            case Event.REMOVED:
                self.left_over.discard(path)


def tell_watcher(pipe: int) -> None:
    """Tell every event of this process to whoever reads the pipe, a `Watched`."""

    def send(event: Event, path: str) -> None:
        with contextlib.suppress(OSError):  # the reader is gone, and so will this process be
            os.write(pipe, event.encode() + os.fsencode(path).replace(_END, b"?") + _END)

    tell_openings(send)


def resident_bytes(statm: Path) -> int:
    """Return the bytes that a process has in memory; 0 where the system does not tell."""
    try:
        return int(statm.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):  # it has ended, or this is not Linux
        return 0


def death_by(number: int) -> Fault:
    """Return fault and remedy for a file whose process was ended by a signal."""
    if number == _KILLED:
        return (
            "its process was killed, as the system does when memory runs out",
            "close other programs or free some memory",
        )
    return (
        f"its process died of {signal.Signals(number).name}",
        "export it again, or try another release of the runtime",
    )


def end_with_parent() -> None:
    """Let the system end this process when its parent ends, however that comes about; Linux only."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _KILLED, 0, 0, 0)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB of memory" if count >= 1e9 else f"{count / 1e6:.0f} MB of memory"
