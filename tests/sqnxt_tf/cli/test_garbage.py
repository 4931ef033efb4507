"""Short commands leave garbage alone, put the collector back as it was, and end without taking everything apart."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from sqnxt_tf.cli.garbage import without_collection


def test_the_collector_rests_and_is_put_back_even_after_an_error() -> None:
    assert gc.isenabled()
    assert without_collection(gc.isenabled)() is False
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        without_collection(lambda: 1 / 0)()
    assert gc.isenabled()
    gc.disable()
    try:
        without_collection(int)()
        assert not gc.isenabled()
    finally:
        gc.enable()


PROGRAM = """
import atexit, sys, threading, time
from sqnxt_tf.cli.garbage import end_process
atexit.register(print, "exit function")
print("result")
{more}
end_process(3)
"""
LATE = "threading.Thread(target=lambda: (time.sleep(0.3), print('thread'))).start()"
DAEMON = "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"


KEPT = "import os\nclass Kept:\n    def __del__(self): os.write(2, b'taken apart')\nkept = Kept()"


def run(program: str, stdout: int | IO[str] = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, check=False, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=30)


@pytest.mark.parametrize(
    ("more", "printed"),
    [
        ("", ["result", "exit function"]),
        (DAEMON, ["result", "exit function"]),
        (LATE, ["result", "thread", "exit function"]),
    ],
)
def test_the_process_ends_with_its_code_after_all_that_must_still_happen(more: str, printed: list[str]) -> None:
    done = run(PROGRAM.format(more=more))
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (3, printed, "")


def test_nothing_is_taken_apart() -> None:
    program = PROGRAM.format(more=KEPT)
    assert run(program).stderr == ""
    assert run(program.replace("end_process(3)", "sys.exit(3)")).stderr == "taken apart"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_a_result_that_cannot_be_written_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        done = run(PROGRAM.format(more=""), full)
    assert done.returncode != 0
    assert "No space left" in done.stderr
