"""Workers whose partners come, come late, or never come: they say for whom they wait, and end when they are asked."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from helpers.commands import cli_command
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training import partners
from sqnxt_tf.training.partners import meet_partners

TRAIN = ("train", "--network", "tiny_darknet", "--input-size", 32, "--strategy", "multi-worker", "-o", "m.keras")


def free_addresses(count: int) -> list[str]:
    with ExitStack() as stack:
        bound = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [f"127.0.0.1:{server.getsockname()[1]}" for server in bound]


@pytest.mark.parametrize("late", [0.0, 0.3])
def test_workers_that_come_meet_and_free_their_addresses_for_tensorflow(late: float) -> None:
    addresses, met, everybody_met = free_addresses(3), list[int](), threading.Event()

    def work(number: int) -> None:
        time.sleep(late * number)
        meet_partners(addresses, number, 20)
        host, port = addresses[number].split(":")
        with socket.create_server((host, int(port))):  # as TensorFlow's server, by which slower ones find this worker
            met.append(number)
            if len(met) == len(addresses):
                everybody_met.set()
            everybody_met.wait(20)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(addresses))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(met) == [0, 1, 2]


def test_those_who_never_come_are_named(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(partners, "_FIRST_WORD_SECONDS", 0.1)
    addresses = free_addresses(8)
    with caplog.at_level(logging.WARNING), pytest.raises(SqnxtError) as fault:
        meet_partners(addresses, 2, 0.5)
    named = "worker 0 .*, worker 1 .*, worker 3 .*, worker 4 .* and 3 more"
    assert re.match(
        rf"worker 2 of 8: {named} did not come within 0.5 s; start it, or give more `wait`", str(fault.value)
    )
    (message,) = caplog.messages
    assert re.match(rf"worker 2 of 8 waits for {named}, for 0 s more", message)


def test_a_port_that_is_taken_is_told() -> None:
    own, other = free_addresses(2)
    with socket.create_server(("", int(own.split(":")[1]))), pytest.raises(SqnxtError, match="cannot listen at"):
        meet_partners([own, other], 0, 1)


def test_a_host_that_has_no_name_is_waited_for() -> None:
    (own,) = free_addresses(1)
    with pytest.raises(SqnxtError, match=r"worker 1 \(no\.such\.host\.invalid:2222\) did not come"):
        meet_partners([own, "no.such.host.invalid:2222"], 0, 0.2)


@contextmanager
def lonely(folder: Path, options: Sequence[object] = ()) -> Iterator[subprocess.Popen[str]]:
    """Start a worker whose partner never comes, with signals as a terminal gives them."""
    config = {"cluster": {"worker": free_addresses(2)}, "task": {"type": "worker", "index": 0}}
    command = cli_command(*TRAIN, *options)
    program = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, *command], cwd=folder, env={**os.environ, "TF_CONFIG": json.dumps(config)},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_worker_that_waits_ends_on_a_signal(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with lonely(tmp_path) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert re.fullmatch(r"worker 0 of 2 waits for worker 1 \(127.0.0.1:\d+\), for 29\d s more\n", line)
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(20) == code
        assert time.monotonic() - began < 2
        assert process.stderr.read().splitlines()[-1] == "error: interrupted"
    assert list(tmp_path.glob("*.keras")) == []


def test_a_worker_waits_as_long_as_it_is_told(tmp_path: Path) -> None:
    with lonely(tmp_path, ["--wait", 1]) as process:
        assert process.wait(60) == 2
        assert process.stderr is not None
        (line,) = process.stderr.read().splitlines()
    assert re.match(
        r"error: worker 0 of 2: worker 1 \(.*\) did not come within 1 s; start it, or give more --wait", line
    )
