"""Open and run files as the command line does, each in a child of this process, which has their runtime loaded.

Arguments: the module of the runtime, the most memory in bytes, and the most seconds. The paths come on stdin, one a
line. Prints a JSON object for each: its path, how it ended and the seconds.
"""

from __future__ import annotations

import json
import os
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # a process with threads is not forked

from sqnxt_base.limits import Limits
from sqnxt_export import ExportError, open_model
from sqnxt_export._libraries import require
from sqnxt_tf.cli import supervision
from sqnxt_tf.errors import SqnxtError


def ending(path: str, limits: Limits) -> str:
    """Return the one line about a file that ended its process, "refused", or "ran"."""
    supervision.allow()
    try:
        supervision.supervise(limits)
    except SqnxtError as error:
        return str(error)
    except SystemExit as end:
        return {0: "ran", 2: "refused"}.get(int(end.code or 0), f"exit code {end.code}")
    try:
        runner = open_model(path, threads=1)
        runner.run_all(runner.noise(1))
    except ExportError:
        os._exit(2)
    os._exit(0)


def main(runtime: str, memory: str, seconds: str) -> None:
    """Run every file."""
    require(runtime, "to run the files")
    limits = Limits(memory_bytes=int(memory), seconds=float(seconds))
    for path in sys.stdin.read().split():
        began = time.perf_counter()
        end = ending(path, limits)
        took = time.perf_counter() - began
        sys.stdout.write(json.dumps({"path": path, "end": end, "seconds": took}) + "\n")
        sys.stdout.flush()  # what is not written yet, every child would write too


if __name__ == "__main__":
    main(*sys.argv[1:])
