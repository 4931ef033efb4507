"""Training steps per second with TensorFlow's own threads and with one thread an operation, taking turns.

Run it as `python benchmarks/training_threads.py [--rounds 3]`.
"""

import argparse
import os
import statistics
import subprocess
import sys

CASES = (("sqnxt23v5_w1", 64, 10), ("sqnxt23_w1", 227, 1000), ("squeezenet_v1_1", 224, 1000))
BATCH, STEPS = 16, 8

STEP_TIME = """
import statistics, sys, time
import numpy as np, tensorflow as tf, tf_keras as keras
from sqnxt_tf import build
name, side, classes, batch, steps = sys.argv[1], *map(int, sys.argv[2:])
model = build(name, input_size=side, classes=classes)
model.compile(optimizer=keras.optimizers.SGD(0.01, momentum=0.9),
              loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
random = np.random.default_rng(0)
images = random.standard_normal((batch, side, side, 3)).astype("float32")
labels = random.integers(0, classes, batch)
model.train_on_batch(images, labels)  # traces
def seconds():
    began = time.perf_counter()
    model.train_on_batch(images, labels)
    return time.perf_counter() - began
print(statistics.median(seconds() for _ in range(steps)))
"""


def step_seconds(case: tuple[str, int, int], threads: int) -> float:
    """Return the median of a training step in a process of its own; 0 threads lets TensorFlow choose."""
    environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": str(threads), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", STEP_TIME, *map(str, (*case, BATCH, STEPS))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Print a row for each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print(f"{os.cpu_count()} cores, batch {BATCH}, medians of {rounds} processes each")
    print(f"{'network':18}{'input':>6}{'own threads, s':>16}{'one thread, s':>15}{'ratio':>7}")
    for case in CASES:
        pairs = [(step_seconds(case, 0), step_seconds(case, 1)) for _ in range(rounds)]
        own, one = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{case[0]:18}{case[1]:>6}{own:>16.3f}{one:>15.3f}{own / one:>7.2f}", flush=True)


if __name__ == "__main__":
    main()
