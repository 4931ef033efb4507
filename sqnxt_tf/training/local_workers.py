"""Several workers on this machine, for trials: they are started together, and stopped together when one fails."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import IO, Any

from sqnxt_tf.data.unreadable import LEFT_OUT, LOG
from sqnxt_tf.errors import SqnxtError

_PIPE = "SQNXT_TF_STARTED_BY"
"""The environment variable that holds a worker's pipe from the process that started it."""
_POLL_SECONDS = 0.1
PATIENCE_SECONDS = 10.0
"""How long the parent waits for the chief to report an error that all workers have, before it reports one itself."""
_LEAD_SECONDS = 5.0  # what the parent has in addition, before a worker reports an error itself
_LAST_SECONDS = 60.0  # for the other workers to end once the chief is done
_LOG_BYTES = 1 << 20  # of a worker's log that are read at a time


def is_local_worker() -> bool:
    """Tell whether `run_local_workers` started this process."""
    return _PIPE in os.environ


def end_with_parent() -> None:
    """End this worker when the process that started it ends, in whatever way."""
    pipe = int(os.environ[_PIPE])

    def wait() -> None:
        os.read(pipe, 1)  # nothing is ever written: this returns when the other end is closed
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def let_parent_report() -> None:
    """Wait, in a worker that has lost another, for the parent to report what happened there and to stop this one."""
    if is_local_worker():
        time.sleep(PATIENCE_SECONDS + _LEAD_SECONDS)


def run_local_workers(command: Sequence[str], workers: int) -> int:
    """Run `command` as that many workers joined by `TF_CONFIG` on 127.0.0.1, and return the exit code of the chief.

    The chief, worker 0, writes to this process's stdout and stderr. The images that the other workers cannot read are
    logged there too, because no other worker reads them. The rest of their output is reported when they fail.

    Raises:
        SqnxtError: A worker was killed, or failed alone; the others have been stopped.
    """
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(workers)]
    with ExitStack() as resources:
        reader, writer = os.pipe()
        resources.callback(os.close, writer)
        started: list[_LocalWorker] = []
        try:
            for index in range(workers):
                log = None if index == 0 else resources.enter_context(tempfile.TemporaryFile())
                started.append(_LocalWorker(command, addresses, index, reader, log))
                resources.callback(started[-1].end)
        finally:
            os.close(reader)
        return _watch(started)


class _LocalWorker:
    """One worker process."""

    def __init__(
        self, command: Sequence[str], addresses: Sequence[str], index: int, pipe: int, log: IO[bytes] | None
    ) -> None:
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        threads = str(max((os.cpu_count() or 1) // len(addresses), 1))
        environment = {
            "TF_NUM_INTRAOP_THREADS": threads,
            **os.environ,
            "TF_CONFIG": json.dumps(config),
            _PIPE: str(pipe),
        }
        self.index, self._log, self._relayed = index, log, 0
        self.process = subprocess.Popen(
            command,
            env=environment,
            pass_fds=[pipe],
            stdin=subprocess.DEVNULL,
            stdout=None if log is None else subprocess.DEVNULL,
            stderr=sys.stderr if log is None else log,  # descriptor 2 is not ours while libraries are silenced
        )

    def end(self) -> None:
        """Kill the process: a worker that waits for a dead one does not react to anything milder."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def relay(self) -> None:
        """Log the images that the worker has left out since the last call."""
        if self._log is None:
            return
        said = os.pread(self._log.fileno(), _LOG_BYTES, self._relayed)  # a seek would move the worker's position too
        said = said[: said.rfind(b"\n") + 1]
        self._relayed += len(said)
        for line in said.decode(errors="replace").splitlines():
            if line.startswith(LEFT_OUT):
                logging.getLogger(LOG).warning("%s", line)

    def last_line(self) -> str:
        """Return the last line of the worker's log, without `error: `."""
        if self._log is None:
            return ""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("error: ") if lines else ""


def _watch(workers: Sequence[_LocalWorker]) -> int:
    """Wait until all workers are done or one has failed, and return the chief's exit code."""
    chief, deadline = workers[0], float("inf")
    while True:
        codes = [worker.process.poll() for worker in workers]
        for worker in workers:
            worker.relay()
        for worker, code in zip(workers, codes, strict=True):
            if code is not None and code < 0:
                raise _lost(worker, len(workers), f"was killed by {_signal_name(-code)}")
        if codes[0] is not None and (codes[0] or all(code == 0 for code in codes) or time.monotonic() > deadline):
            return int(codes[0])
        if failed := [worker for worker, code in zip(workers, codes, strict=True) if code]:
            _wait_for(chief)
            if chief.process.poll():
                return int(chief.process.returncode)
            raise _lost(failed[0], len(workers), f"failed ({failed[0].last_line() or 'without a message'})")
        if codes[0] == 0 and deadline == float("inf"):
            deadline = time.monotonic() + _LAST_SECONDS
        time.sleep(_POLL_SECONDS)


def _wait_for(worker: _LocalWorker) -> None:
    try:
        worker.process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        return


def _lost(worker: _LocalWorker, workers: int, fault: str) -> SqnxtError:
    return SqnxtError(
        f"worker {worker.index} of {workers}",
        fault,
        "the others were stopped; start the run again, and it resumes from the last checkpoint",
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _free_ports(count: int) -> list[int]:
    with ExitStack() as sockets:
        bound: list[Any] = [sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in bound]


def own_command() -> list[str]:
    """Return the command line that starts this program again with the same arguments."""
    return [sys.executable, "-m", "sqnxt_tf.cli", *sys.argv[1:]]
