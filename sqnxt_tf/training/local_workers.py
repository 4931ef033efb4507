"""Several workers on this machine, for trying out: started together, and ended together when one of them dies."""

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
"""Variable that tells a worker the pipe of the process that started it."""
_POLL_SECONDS = 0.1
PATIENCE_SECONDS = 10.0  # for the chief to tell a fault that all workers have, before it is told for it
_LEAD_SECONDS = 5.0  # that the process that started them has for that, before a worker speaks for itself
_LAST_SECONDS = 60.0  # for the others to end once the chief is done
_LINES = 1 << 20  # bytes of them looked at at a time


def is_local_worker() -> bool:
    """Whether this process is one that `run_local_workers` started."""
    return _PIPE in os.environ


def end_with_parent() -> None:
    """In a worker: end when the process that started it does, however that ended."""
    pipe = int(os.environ[_PIPE])

    def wait() -> None:
        os.read(pipe, 1)  # nothing is ever written: it returns when the other end is gone
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def let_parent_tell() -> None:
    """In a worker that has lost another: the process that started both tells what happened there, and ends this one."""
    if is_local_worker():
        time.sleep(PATIENCE_SECONDS + _LEAD_SECONDS)


def run_local_workers(command: Sequence[str], workers: int) -> int:
    """Run `command` as that many workers joined by `TF_CONFIG` on 127.0.0.1; the exit code of the chief.

    The chief, worker 0, writes to this process's stdout and stderr. The others' images that cannot be read are named
    there too, for nobody else meets them; what else they say is heard when they fail.

    Raises:
        SqnxtError: A worker was killed, or failed alone; the others have been ended.
    """
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(workers)]
    with ExitStack() as resources:
        reader, writer = os.pipe()
        resources.callback(os.close, writer)
        started: list[_Worker] = []
        try:
            for index in range(workers):
                log = None if index == 0 else resources.enter_context(tempfile.TemporaryFile())
                started.append(_Worker(command, addresses, index, reader, log))
                resources.callback(started[-1].end)
        finally:
            os.close(reader)
        return _watch(started)


class _Worker:
    """One process."""

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
            stderr=sys.stderr if log is None else log,  # file descriptor 2 is not ours while libraries are silenced
        )

    def end(self) -> None:
        """At once: a worker that waits for a dead one hears nothing else."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def relay(self) -> None:
        """Name the images that it left out since the last time."""
        if self._log is None:
            return
        said = os.pread(self._log.fileno(), _LINES, self._relayed)  # not by a seek, which would move the worker too
        said = said[: said.rfind(b"\n") + 1]
        self._relayed += len(said)
        for line in said.decode(errors="replace").splitlines():
            if line.startswith(LEFT_OUT):
                logging.getLogger(LOG).warning("%s", line)

    def last_line(self) -> str:
        """What it said last."""
        if self._log is None:
            return ""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("error: ") if lines else ""


def _watch(workers: Sequence[_Worker]) -> int:
    """Until all are done, or one has failed."""
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
            raise _lost(failed[0], len(workers), f"failed ({failed[0].last_line() or 'without a word'})")
        if codes[0] == 0 and deadline == float("inf"):
            deadline = time.monotonic() + _LAST_SECONDS
        time.sleep(_POLL_SECONDS)


def _wait_for(worker: _Worker) -> None:
    try:
        worker.process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        return


def _lost(worker: _Worker, workers: int, what: str) -> SqnxtError:
    return SqnxtError(
        f"worker {worker.index} of {workers}",
        str(what),
        "the others were stopped, and the same command again goes on from the last checkpoint",
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
    """The command line of this process, for another process of it."""
    return [sys.executable, "-m", "sqnxt_tf.cli", *sys.argv[1:]]
