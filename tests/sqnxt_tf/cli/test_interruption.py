"""Ctrl-C reaches a verb even where Python throws the exception away."""

from __future__ import annotations

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
