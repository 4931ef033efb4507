"""Whole-process times of the verbs that should answer at once.

    python benchmarks/startup.py [RUNS]

Every command runs in turn, RUNS times after a warm-up, so that a machine whose speed drifts slows all of them alike;
the floor is the interpreter importing NumPy and onnx, which `simulate` cannot do without.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main(runs: int) -> None:
    cli = [sys.executable, "-m", "sqnxt_tf.cli"]
    with tempfile.TemporaryDirectory() as folder:
        graph = str(Path(folder) / "sqnxt23_w1.onnx")
        subprocess.run([*cli, "export", "1.0-SqNxt-23", "--format", "onnx", "-o", graph, "-q"], check=True)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "python -c 'import numpy, onnx'": [sys.executable, "-c", "import numpy, onnx"],
            "sqnxt-tf --help": [*cli, "--help"],
            "sqnxt-tf list": [*cli, "list"],
            "sqnxt-tf summary 1.0-SqNxt-23": [*cli, "summary", "1.0-SqNxt-23"],
            "sqnxt-tf simulate 1.0-SqNxt-23 --json": [*cli, "simulate", graph, "--json"],
            "sqnxt-tf simulate 1.0-SqNxt-23": [*cli, "simulate", graph],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for run in range(runs + 1):
            for name, command in commands.items():
                start = time.perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                if run:
                    seconds[name].append(time.perf_counter() - start)
    print(f"| command | median s | fastest s | slowest s |\n|{'---|' * 4}")
    for name, times in seconds.items():
        print(f"| `{name}` | {statistics.median(times):.3f} | {min(times):.3f} | {max(times):.3f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
