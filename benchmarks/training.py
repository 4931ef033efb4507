"""What feeding a model from disk costs: 1.0-SqNxt-23v5 at 227, JPEGs of 500x375, folders and TFRecords.

Four rates, in images a second, taking turns: the pipeline alone; training on one batch that stays in memory, training
from a folder of JPEGs, training from packed TFRecords. With `--workers`, what one more process on this machine costs.

Run it as `python benchmarks/training.py [--rounds 3] [--batch 32] [--steps 6] [--augmentation none] [--workers]`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

NETWORK, SIDE, CLASSES = "sqnxt23v5_w1", 227, 10
PHOTO = (500, 375)
WARMING = 3  # steps that are not counted; the batches that were read ahead are gone by then
BEYOND = 8  # steps that the pipeline could go on for, so that it never rests while others are counted


def write_photos(folder: Path, count: int) -> None:
    """JPEGs with edges, gradients and grain, of the size and about the bytes of ImageNet's."""
    from PIL import Image

    random = np.random.default_rng(0)
    for split, images in (("train", count), ("validation", CLASSES)):
        for index in range(images):
            coarse = Image.fromarray(random.integers(0, 256, (24, 32, 3), np.uint8))
            smooth = np.asarray(coarse.resize(PHOTO, Image.Resampling.BICUBIC), np.int16)
            grainy = (smooth + random.normal(0, 8, (*smooth.shape[:2], 1))).clip(0, 255).astype(np.uint8)
            path = folder / split / f"class{index % CLASSES}" / f"{index:05d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(grainy).save(path, quality=90)


def streamed(data: str, augmentation: str) -> Any:
    from sqnxt_export import Preprocessing
    from sqnxt_tf.data.data_source import DataSource
    from sqnxt_tf.data.training_data import StreamOptions, open_streams

    options = StreamOptions(augmentation=augmentation)
    return open_streams(DataSource.parse(data), Preprocessing.imagenet(SIDE), options)["train"]


def batches(stream: Any, batch: int, steps: int) -> Iterator[tuple[Any, Any]]:
    return stream.training(batch=batch, seed=0, first_step=0, last_step=steps)  # type: ignore[no-any-return]


def one_step() -> Callable[[Any, Any], None]:
    """Return a compiled training step of the network."""
    import tensorflow as tf
    import tf_keras as keras

    from sqnxt_tf import build

    model = build(NETWORK, input_size=SIDE, classes=CLASSES)
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer.build(model.trainable_variables)

    @tf.function(input_signature=[tf.TensorSpec((None, SIDE, SIDE, 3)), tf.TensorSpec((None,), tf.int64)])
    def step(images: Any, labels: Any) -> None:
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True))
        optimizer.apply_gradients(
            zip(tape.gradient(value, model.trainable_variables), model.trainable_variables, strict=True)
        )

    return step  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Rate:
    """Images a second, and milliseconds of all cores together for one."""

    images_per_second: float
    cpu_ms: float


def rate(source: Iterator[tuple[Any, Any]], steps: int, train: Callable[[Any, Any], None] | None) -> Rate:
    """How fast images come, and are trained on, after a few steps to warm up."""
    images, began, cpu = 0, 0.0, 0.0
    for number in range(steps + WARMING):
        if number == WARMING:
            began, cpu = time.perf_counter(), time.process_time()
        pixels, labels = next(source)
        if train:
            train(pixels, labels)
        images += len(labels) if number >= WARMING else 0
    return Rate(images / (time.perf_counter() - began), 1000 * (time.process_time() - cpu) / images)


def measure(data: str, packed: str, arguments: argparse.Namespace) -> dict[str, list[Rate]]:
    """Every rate, round by round."""
    batch, steps = arguments.batch, arguments.steps
    many = max(steps, 10)
    train = one_step()
    kept = next(batches(streamed(data, arguments.augmentation), batch, 1))
    found: dict[str, list[Rate]] = {}
    for _ in range(arguments.rounds):
        for name, folder in (("JPEG folder", data), ("TFRecords", packed)):
            stream = streamed(folder, arguments.augmentation)
            alone = rate(batches(stream, batch, many + WARMING + BEYOND), many, None)
            found.setdefault(f"pipeline alone, {name}", []).append(alone)
            found.setdefault("training, one batch in memory", []).append(rate(repeat(kept), steps, train))
            trained = rate(batches(stream, batch, steps + WARMING + BEYOND), steps, train)
            found.setdefault(f"training, {name}", []).append(trained)
    return found


def print_table(found: dict[str, list[Rate]]) -> None:
    """Medians; the ratio is that of the medians."""
    speed = {name: statistics.median(one.images_per_second for one in rates) for name, rates in found.items()}
    cpu = {name: statistics.median(one.cpu_ms for one in rates) for name, rates in found.items()}
    memory = "training, one batch in memory"
    print(f"{'what':32}{'images/s':>10}{'ratio':>8}{'CPU ms an image':>18}{'ratio':>8}")
    for name in sorted(found):
        print(
            f"{name:32}{speed[name]:>10.1f}{speed[name] / speed[memory]:>8.3f}{cpu[name]:>18.2f}"
            f"{cpu[name] / cpu[memory]:>8.3f}"
        )


def workers_seconds(data: str, workers: int, batch: int, folder: Path) -> float:
    """Seconds of a whole run of one epoch on so many local workers, as the command line starts them."""
    output = folder / f"workers{workers}-{time.monotonic_ns()}.keras"
    command = [
        sys.executable, "-m", "sqnxt_tf.cli", "train", "--network", NETWORK, "--input-size", str(SIDE), "--data", data,
        "--batch", str(batch), "--epochs", "1", "--json", "-q", "-o", str(output),
        *(["--local-workers", str(workers)] if workers > 1 else []),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)["history"][-1]["seconds"])


def main() -> None:
    """Print a table of rates, and with `--workers` the cost of one more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--augmentation", default="none")
    parser.add_argument("--workers", action="store_true", help="The cost of one more worker, by whole runs.")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # as the command line does on two cores
    with tempfile.TemporaryDirectory() as folder:
        data, packed = Path(folder) / "photos", Path(folder) / "packed"
        write_photos(data, arguments.images)
        size = sum(path.stat().st_size for path in data.rglob("*.jpg")) / (arguments.images + CLASSES)
        print(f"{arguments.images} JPEGs of {size:,.0f} bytes, batch {arguments.batch}, {os.cpu_count()} cores")
        if arguments.workers:
            one, two = (workers_seconds(str(data), workers, arguments.batch, Path(folder)) for workers in (1, 2))
            print(
                f"an epoch with one worker {one:.1f} s, with two on the same cores {two:.1f} s, ratio {two / one:.2f}"
            )
            return
        from sqnxt_tf.workflows.data_pack import pack

        pack(data, packed)
        print_table(measure(str(data), str(packed), arguments))


if __name__ == "__main__":
    main()
