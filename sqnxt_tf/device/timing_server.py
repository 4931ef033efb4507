"""The child process that times one artifact, and its protocol.

`python -m sqnxt_tf.device.timing_server` reads requests from its stdin, a JSON object a line, and answers each with
one line:

    {"do": "open", "path": "m.onnx", "threads": 1, "options": {}}   the runtime, and the loading time; `dims` may give
                                                                    the sizes of free sides
    {"do": "warm_up"}                                               the number of runs, and the first one's time
    {"do": "turn", "runs": 5}                                       the time of each run
    {"do": "profile", "runs": 50}                                   the time of each node
    {"do": "memory"}                                                the most memory that the process took

An answer is an object with figures, or `{"error": [object, fault, remedy]}`. Times are in milliseconds, memory is in
bytes. The process sleeps between requests, and ends when its stdin is closed.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from sqnxt_base.watching import end_with_parent
from sqnxt_tf.device.memory import peak_resident_bytes, resident_bytes

_LEAST_WARM_UP, _MOST_WARM_UP = 5, 100  # runs
_WARM_UP_SECONDS, _MOST_WARM_UP_SECONDS = 0.3, 10.0
_LEAD_SECONDS = 0.002  # untimed runs at the start of a turn, which fill the caches
_SPIN_SECONDS, _MOST_SPIN_SECONDS = 0.05, 0.5  # how long onnxruntime's threads wait actively after a run
_TASKS = Path("/proc/self/task")


class TimingServer:
    """Opens one artifact and times it on request."""

    def __init__(self) -> None:
        self._path = Path()
        self._model: Any = None
        self._call: Callable[[], object]
        self._threads, self._dims = 1, dict[str, int]()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the figures that a request asks for."""
        match request.pop("do"):
            case "open":
                return self.open(**request)
            case "warm_up":
                return self.warm_up()
            case "turn":
                return self.turn(**request)
            case "profile":
                return self.profile(**request)
            case "memory":
                return {"peak_rss_bytes": peak_resident_bytes()}
            case unknown:
                raise ValueError(f"no such request: {unknown}")

    def open(
        self, path: str, threads: int, options: dict[str, str], dims: dict[str, int] | None = None
    ) -> dict[str, Any]:
        """Load a file that was checked before, so that loading time and memory are those of the runtime alone."""
        from sqnxt_export.runtimes.timed_call import open_timed

        _import_runtime(path)
        self._path, self._threads, self._dims, before = Path(path), threads, dims or {}, resident_bytes()
        began = time.perf_counter()
        self._model = open_timed(self._path, threads=threads, options=options, dims=self._dims)
        load_ms = 1e3 * (time.perf_counter() - began)
        self._call = self._model.call
        return {
            "runtime": self._model.runtime,
            "version": self._model.version,
            "provider": self._model.provider,
            "options": dict(self._model.options),
            "batch": self._model.batch,
            "inputs": {name: list(shape) for name, shape in self._model.shapes.items()},
            "set_dims": dict(self._model.set_dims),
            "load_ms": load_ms,
            "rss_before_load_bytes": before,
        }

    def warm_up(self) -> dict[str, Any]:
        """Run several times and for a while, until caches, memory pools and the processor's clock have settled."""
        times: list[float] = []
        began = time.perf_counter()
        while len(times) < _MOST_WARM_UP:
            times.append(self._time())
            elapsed = time.perf_counter() - began
            if elapsed > (_WARM_UP_SECONDS if len(times) >= _LEAST_WARM_UP else _MOST_WARM_UP_SECONDS):
                break
        _fall_asleep()
        return {"runs": len(times), "first_ms": times[0], "typical_ms": sorted(times)[len(times) // 2]}

    def turn(self, runs: int) -> dict[str, Any]:
        """Time some runs. At least one untimed run comes first, to fill the caches again."""
        began = time.perf_counter()
        self._call()
        while time.perf_counter() - began < _LEAD_SECONDS:
            self._call()
        times = [self._time() for _ in range(runs)]
        _fall_asleep()
        return {"milliseconds": times}

    def profile(self, runs: int) -> dict[str, Any]:
        """Return the nodes in the order of execution, each with the time of every run."""
        from sqnxt_export import profile_onnx, profile_tflite

        settings: dict[str, Any] = {"threads": self._threads, "runs": runs, "dims": self._dims}
        if self._path.suffix.lower() == ".onnx":
            nodes = profile_onnx(self._path, options=self._model.options, **settings)
        else:
            nodes = profile_tflite(self._path, **settings)
        return {"nodes": [{**asdict(node), "milliseconds": node.milliseconds.tolist()} for node in nodes]}

    def _time(self) -> float:
        start = time.perf_counter_ns()
        self._call()
        return (time.perf_counter_ns() - start) / 1e6


def _fall_asleep() -> None:
    """Wait until no other thread of this process runs, so that none takes a core during another file's turn."""
    if not _TASKS.exists():
        time.sleep(_SPIN_SECONDS)
        return
    end = time.perf_counter() + _MOST_SPIN_SECONDS
    while time.perf_counter() < end and any(map(_is_running, _TASKS.iterdir())):
        time.sleep(0.001)


def _is_running(task: Path) -> bool:
    try:
        state = (task / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:  # it has ended
        return False
    return state == "R" and int(task.name) != threading.get_native_id()


def _import_runtime(path: str) -> None:
    """Import the library before the clock starts: its time and memory are not those of loading a model."""
    from sqnxt_export._libraries import require
    from sqnxt_export.errors import ExportError

    is_onnx = Path(path).suffix.lower() == ".onnx"
    importlib.import_module(f"sqnxt_export.runtimes.{'onnx_profile' if is_onnx else 'litert_runner'}")
    with contextlib.suppress(ExportError):  # `open_timed` reports what is missing
        require("onnxruntime" if is_onnx else "ai_edge_litert.interpreter", "to time a file")


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Answer requests until there are no more."""
    from sqnxt_export.errors import ExportError

    server = TimingServer()
    for line in requests:
        try:
            answer = server.answer(json.loads(line))
        except ExportError as error:
            answer = {"error": [error.object, error.fault, error.remedy]}
        except MemoryError:
            answer = {
                "error": ["artifact", "does not fit into memory", "close other programs, or use a smaller network"]
            }
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Serve stdin and stdout. Libraries print to stderr instead, and Ctrl-C is left to the parent process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
