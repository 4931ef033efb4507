"""Ctrl-C and SIGTERM reach a verb even where Python throws the exception away, or never gets to raise it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.commands import run_python

SCRIPT = """
import os, signal
from sqnxt_tf.cli import interruption
from sqnxt_tf.cli.output import Output

interruption.listen()

class Finalised:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass

Finalised()  # the exception is raised in __del__, printed and ignored
print("went on")
Output().progress("work", 1, 2)
"""


def test_an_interrupt_that_a_finaliser_swallowed_comes_at_the_next_progress() -> None:
    done = run_python(SCRIPT)
    assert done.stdout == "went on\n"
    assert "Exception ignored" in done.stderr
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")
    assert done.returncode != 0


STUCK = """
import ctypes, signal, sys
from sqnxt_base.opening import removed_on_death
from sqnxt_tf.cli import interruption

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs in the background
interruption.listen()
place = sys.argv[1]
libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
with interruption.insisting(), removed_on_death(place):
    open(place, "w").close()
    print("ready", flush=True)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)  # waits for itself: C code that no signal ends
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_process_that_is_busy_in_c_code_ends_and_tidies_up(tmp_path: Path, number: int, code: int) -> None:
    place = tmp_path / "half.onnx"
    command = [sys.executable, "-c", STUCK, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)  # until it is in C code
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(20) == code
        assert time.monotonic() - began < 2
        assert process.stderr.read() == "error: interrupted\n"
    assert not place.exists()


def test_a_signal_that_python_obeys_at_once_is_not_waited_for() -> None:
    code = STUCK.partition("place =")[0] + (
        "import os, time\n"
        "try:\n    with interruption.insisting(): os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)\n"
        "except KeyboardInterrupt: sys.exit(interruption.exit_code())"
    )
    began = time.monotonic()
    assert run_python(code).returncode == 143
    assert time.monotonic() - began < 10
