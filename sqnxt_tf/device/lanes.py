"""Child processes that take turns: one a file and number of threads, each asleep while another one runs."""

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

_WORKER = "sqnxt_tf.device.timing_process"


class Lane:
    """One artifact in a process of its own; what is asked of it is in `worker.py`."""

    def __init__(self, path: Path, threads: int) -> None:
        self.path, self.threads = path, threads
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", _WORKER],
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
        """Ask and wait for the answer.

        Raises:
            SqnxtError: What the process could not do, or that it is no more.
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
            raise SqnxtError(self.path, str(self._how_it_ended()))
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise SqnxtError(*answer["error"])
        return answer

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.communicate()

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        if code == -getattr(signal, "SIGKILL", 9):
            return "its process was killed, as the system does when memory runs out; close other programs or free some"
        if code < 0:
            return (
                f"its process died of {signal.Signals(-code).name}; export it again, or try another release of the "
                "runtime"
            )
        return f"its process ended with exit code {code}; run `python -m {_WORKER}` to see why"


def _environment() -> Mapping[str, str]:
    """The child finds modules where this process does, and not in the folder that it happens to stand in."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
