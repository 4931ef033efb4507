"""Trains the same tiny network again and again, each time killed at a random moment, until it has been killed often.

Run as a program: `killed_runs.py FOLDER DATA KILLS`, DATA one of `memory`, `photos` (a folder of JPEGs, augmented) and
`records` (the same, packed). It imports TensorFlow once and forks a process for each attempt, which SIGKILL ends: every
third at any moment from its first millisecond on, the others at any moment of a step drawn at random, while they train,
evaluate or save. Prints one JSON object: how many were killed, the steps that their checkpoints stood at, and the
SHA-256 of weights and history of each run that came to its end, and of one that was never killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow  # noqa: F401 - once, before the forks
import tf_keras as keras
from PIL import Image

from sqnxt_export import Preprocessing
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.data.training_data import StreamOptions, open_streams
from sqnxt_tf.training.loop import train_model
from sqnxt_tf.training.recipe_files import Recipe
from sqnxt_tf.training.run_folder import RunFolder
from sqnxt_tf.training.run_options import RunOptions, Saving
from sqnxt_tf.training.strategies import make_strategy
from sqnxt_tf.workflows.data_pack import pack

RECIPE = Recipe(
    epochs=30, batch=8, rate=0.05, warmup_rate=0.01, warmup_steps=9, max_shift=1, ema=0.9, label_smoothing=0.1
)
SAVING = Saving(steps=3)
STEPS = 30 * 6  # 44 images in batches of 8


def small_model() -> Any:
    """Build a network for 8x8 images."""
    layers, glorot = keras.layers, keras.initializers.GlorotUniform
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, use_bias=False, kernel_initializer=glorot(seed=1))(image)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.GlobalAveragePooling2D()(layers.Dropout(0.3, seed=2)(x))
    return keras.Model(image, layers.Dense(2, kernel_initializer=glorot(seed=3))(x))


def noise(count: int, seed: int) -> Arrays:
    """Draw images of two classes."""
    drawn = np.random.default_rng(seed)
    return Arrays(drawn.normal(0, 1, (count, 8, 8, 3)).astype(np.float32), np.arange(count) % 2)


def make_photos(folder: Path) -> None:
    """Write a folder of JPEGs, split for training and validation."""
    drawn = np.random.default_rng(2)
    for split, count in (("train", 22), ("validation", 6)):
        for name in "ab":
            (folder / split / name).mkdir(parents=True)
            for index in range(count):
                image = Image.fromarray(drawn.integers(0, 256, (12, 10, 3), np.uint8))
                image.save(folder / split / name / f"{index:02d}.jpg")


def open_data(folder: Path, data: str) -> dict[str, Any]:
    """Return the images for training and for validation."""
    if data == "memory":
        return {"train": noise(44, 0), "validation": noise(12, 1)}
    options = StreamOptions(augmentation="standard", max_shift=1)
    parts = open_streams(DataSource.parse(str(folder / data)), Preprocessing.plain(8, 8), options)
    return dict(parts.items())


def run(folder: Path, data: str, result: Path, say_training: Callable[[], None]) -> None:
    """Attempt the run, which continues where the last attempt was killed."""
    state, parts = RunFolder(folder), open_data(folder.parent, data)
    state.begin({"seed": 3})
    options = RunOptions(
        strategy=make_strategy("one-device"), seed=3, folder=state, saving=SAVING,
        progress=lambda *args, **figures: say_training(),
    )  # fmt: skip
    trained = train_model(small_model, parts["train"], parts["validation"], RECIPE, options)
    digest = hashlib.sha256(b"".join(weights.tobytes() for weights in trained.model.get_weights()))
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in trained.history]
    digest.update(json.dumps(rows).encode())
    result.write_text(digest.hexdigest())


def start(folder: Path, data: str, result: Path) -> tuple[int, int]:
    """Start the run in a new process, and return it with a pipe to which it writes as soon as it trains."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return child, reader
    status = 1

    def say_training() -> None:
        os.write(writer, b".")

    try:
        os.close(reader)
        run(folder, data, result, say_training)
        status = 0
    finally:
        os._exit(status)


@dataclass(frozen=True)
class Moment:
    """When an attempt is killed: that many seconds after its start, or as long after so many steps."""

    seconds: float
    steps: int = 0

    @classmethod
    def drawn(cls, random: random.Random, number: int, run_seconds: float) -> Moment:
        """Draw the moment at which an attempt is killed, after `number` earlier ones."""
        if number % 3 == 0:
            return cls(random.uniform(0, run_seconds))
        return cls(random.uniform(0, 0.03), random.randint(1, STEPS // 3))


def attempt(folder: Path, data: str, result: Path, moment: Moment | None) -> bool:
    """Attempt the run; return whether it came to its end before the moment at which it is killed."""
    child, trains = start(folder, data, result)
    try:
        done, began = 0, time.monotonic()
        while moment is None or done < moment.steps or time.monotonic() - began < moment.seconds:
            if (ended := os.waitpid(child, os.WNOHANG))[0]:
                assert os.waitstatus_to_exitcode(ended[1]) == 0, "an attempt failed"
                return True
            if select.select([trains], [], [], 0.001)[0]:
                done += len(os.read(trains, 4096))
                if moment and 0 < moment.steps <= done:
                    began, moment = time.monotonic(), Moment(moment.seconds)
        os.kill(child, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL
    finally:
        os.close(trains)


def main(folder: Path, data: str, kills: int) -> dict[str, Any]:
    """Kill and continue runs, and return the document that this program prints."""
    if data != "memory":
        make_photos(folder / "photos")
        pack(folder / "photos", folder / "records", shards=3)
    drawn, began = random.Random(20), time.monotonic()
    assert attempt(folder / "whole.train", data, folder / "whole", None)
    seconds = time.monotonic() - began
    digests: list[str] = []
    killed, saved = 0, set()
    while killed < kills or (folder / f"{len(digests)}.train").exists():
        state, result = folder / f"{len(digests)}.train", folder / f"{len(digests)}"
        moment = Moment.drawn(drawn, killed, seconds) if killed < kills else None
        if attempt(state, data, result, moment):
            digests.append(result.read_text())
            continue
        killed += 1
        if (state / "checkpoint.npz").exists():
            with np.load(state / "checkpoint.npz") as arrays:
                saved.add(json.loads(arrays["story"].tobytes())["step"])
    whole = (folder / "whole").read_text()
    return {"kills": killed, "saved": sorted(saved), "whole": whole, "digests": digests}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))  # noqa: T201
