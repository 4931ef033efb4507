"""What it costs an honest file that a verb opens it in a child process.

    python benchmarks/supervision.py [--runs 21] [--keras-runs 7]

Every command runs as it is and without the fork, in turn: a pair. Processor seconds are those of the whole process and
of its child, and what is more is the median of the differences within pairs. `train --model` also runs the model once
on noise in the child, as the verbs do that train: opening alone would show nothing of it.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

AS_IT_IS = "from sqnxt_tf.cli.main import start; start()"
WITHOUT = f"from sqnxt_tf.cli import supervision; supervision.allow = lambda: None; {AS_IT_IS}"
NETWORK = "1.0-SqNxt-23"


def main(runs: int, keras_runs: int) -> None:
    """Print the table."""
    print("| command | pairs | CPU s | without the fork | more, ms | middle half of it, ms |")
    print(f"|{'---|' * 6}")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_files()
        measure("inspect net.onnx", runs)
        measure("classify net.tflite image.png", runs)
        measure("train --model net.keras --preprocessing imagenet -o out.keras --dry-run --timeout 3600", keras_runs)


def write_files() -> None:
    """Write a network, its artifacts, and an image."""
    for suffix in ("onnx", "tflite"):
        subprocess.run([sys.executable, "-m", "sqnxt_tf.cli", "export", NETWORK, "-o", f"net.{suffix}"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    from PIL import Image

    from sqnxt_export import save_keras
    from sqnxt_tf import build

    Image.new("RGB", (227, 227), "red").save("image.png")
    save_keras(build(NETWORK, classes=10), "net.keras")


def measure(arguments: str, runs: int) -> None:
    """Run a command in both ways in turn, and print the medians."""
    cpu: dict[str, list[float]] = {AS_IT_IS: [], WITHOUT: []}
    for run in range(runs + 1):
        for program in (AS_IT_IS, WITHOUT) if run % 2 else (WITHOUT, AS_IT_IS):
            seconds = cpu_seconds([sys.executable, "-c", program, *arguments.split()])
            if run:  # the first pair fills the caches of the disk
                cpu[program].append(seconds)
    more = [1000 * (long - short) for long, short in zip(cpu[AS_IT_IS], cpu[WITHOUT], strict=True)]
    low, middle, high = statistics.quantiles(more, n=4)
    long, short = (statistics.median(cpu[program]) for program in (AS_IT_IS, WITHOUT))
    print(f"| `{arguments}` | {runs} | {long:.3f} | {short:.3f} | {middle:.0f} | {low:.0f} to {high:.0f} |", flush=True)


def cpu_seconds(command: list[str]) -> float:
    """Run a command, and return the processor seconds that it and its children took."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, command
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--keras-runs", type=int, default=7)
    arguments = parser.parse_args()
    main(arguments.runs, arguments.keras_runs)
