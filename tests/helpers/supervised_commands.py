"""Commands whose child process waits for a file that never ends."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from helpers.commands import cli_command

_PROGRAM = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"


def as_in_a_terminal(*arguments: object) -> list[str]:
    """Return the command that starts `sqnxt-tf` so that Ctrl-C ends it: a shell ignores it for background jobs."""
    return [sys.executable, "-c", _PROGRAM, *cli_command(*arguments)]


def waiting(*arguments: object, folder: Path, library: str) -> subprocess.Popen[str]:
    """Start a command that runs for ever, and wait until its child has loaded a library and uses it."""
    process = subprocess.Popen(
        as_in_a_terminal(*arguments), cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    end = time.monotonic() + 60
    while not child_of(process.pid) or library not in Path(f"/proc/{child_of(process.pid)}/maps").read_text():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(1)
    return process


def child_of(process: int) -> int:
    """Return the only child of a process; 0 if it has none."""
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(place.read_text().rpartition(")")[2].split()[1]) == process:
                return int(place.parent.name)
        except OSError:  # it has ended meanwhile
            continue
    return 0


def is_running(process: int) -> bool:
    """Tell whether a process has not ended yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def in_session(session: int) -> dict[int, str]:
    """Return the processes of a session that still run, with their names."""
    found = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = place.read_text().rpartition(")")
        except OSError:  # it has ended meanwhile
            continue
        state, _, _, its_session = rest.split()[:4]
        if int(its_session) == session and state != "Z":
            found[int(place.parent.name)] = name.partition("(")[2]
    return found
