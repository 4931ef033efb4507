"""This process's end of a timing process: it starts the child process, asks it for runs, and reads its answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqnxt_tf.errors import SqnxtError

_SERVER = "sqnxt_tf.device.timing_server"


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
        """Send a request and wait for the answer.

        Raises:
            SqnxtError: The process could not do it, or has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **details}) + "\n")
            self._process.stdin.flush()
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

    def _ending_error(self) -> SqnxtError:
        """Return the error that tells how the process ended."""
        code = self._process.wait()
        if code == -getattr(signal, "SIGKILL", 9):
            fault = "its process was killed, as the system does when memory runs out"
            return SqnxtError(self.path, fault, "close other programs or free some memory")
        if code < 0:
            fault = f"its process died of {signal.Signals(-code).name}"
            return SqnxtError(self.path, fault, "export it again, or try another release of the runtime")
        fault = f"its process ended with exit code {code}"
        return SqnxtError(self.path, fault, f"run `python -m {_SERVER}` to see why")


def _environment() -> Mapping[str, str]:
    """Return the environment of the child, which finds modules where this process does and not in its own folder."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
