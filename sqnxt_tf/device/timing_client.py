"""This process's end of a timing process: it starts the child process, asks it for runs, and reads its answers."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqnxt_base.limits import current_limits
from sqnxt_base.watching import INTERVAL, Watch, death_by
from sqnxt_tf.errors import SqnxtError

_SERVER = "sqnxt_tf.device.timing_server"
_WATCHED = ("open", "warm_up")
"""The requests that open a file, and run it first."""


class TimingClient:
    """One artifact in a process of its own. `timing_server.py` lists the requests that it answers."""

    def __init__(self, path: Path, threads: int) -> None:
        self.path, self.threads = path, threads
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=_environment(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, do: str, **details: Any) -> dict[str, Any]:
        """Send a request and wait for the answer; opening a file and running it first are held to the limits.

        Raises:
            SqnxtError: The process could not do it, has ended, or exceeded a limit.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **details}) + "\n")
            self._process.stdin.flush()
            if do in _WATCHED:
                self._watch_until_answer()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line.endswith("\n"):
            raise self._ending_error()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise SqnxtError(*answer["error"])
        return answer

    def close(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.communicate()

    def _watch_until_answer(self) -> None:
        """Wait for an answer, or for the end of the process.

        Raises:
            SqnxtError: It exceeded a limit of `opening_limits`.
        """
        if sys.platform == "win32":  # select waits for sockets only there
            return
        watch, answers = Watch(self._process.pid, current_limits()), self._process.stdout
        assert answers is not None
        while not select.select([answers], [], [], INTERVAL)[0]:
            if fault := watch.fault():
                raise SqnxtError(self.path, *fault)

    def _ending_error(self) -> SqnxtError:
        """Return the error that tells how the process ended."""
        code = self._process.wait()
        if code < 0:
            return SqnxtError(self.path, *death_by(-code))
        fault = f"its process ended with exit code {code}"
        return SqnxtError(self.path, fault, f"run `python -m {_SERVER}` to see why")


def _environment() -> Mapping[str, str]:
    """Return the environment of the child, which finds modules where this process does and not in its own folder."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
