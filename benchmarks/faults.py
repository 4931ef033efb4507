"""Whole runs of verbs on a disk that fails: every kind of fault, at calls spread over the run.

    PYTHONPATH=tests python benchmarks/faults.py [RUN...] [--faults 5]

A run is swept as `tests/test_faults.py` does it. What went wrong is printed; the table goes to stdout.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from helpers.commands import helper_program
from helpers.fault_runs import RUNS
from helpers.faulty_files import compile_library, environment


def main(names: Sequence[str], faults: int) -> None:
    """Print a row for each run."""
    print("| run | calls | made to fail | lost, half-written, left over or not said in one line |")
    print(f"|{'---|' * 4}")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            found = swept(name, Path(folder), faults)
        calls = sum(found["calls"].values())
        print(f"| `{name}` | {calls} | {found['faults']} | {len(found['wrong'])} |", flush=True)
        for what in found["wrong"]:
            sys.stderr.write(f"{name}: {what}\n")


def swept(name: str, folder: Path, faults: int) -> dict:
    """Sweep one run in a process of its own, and return what it found."""
    library = compile_library(folder)
    done = subprocess.run(
        helper_program("fault_sweep", folder, faults, 0, name),
        env={**os.environ, **environment(library, folder), "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith(b"{")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", help=", ".join(RUNS))
    parser.add_argument("--faults", type=int, default=5)
    arguments = parser.parse_args()
    main(arguments.runs or list(RUNS), arguments.faults)
