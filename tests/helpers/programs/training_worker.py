"""One worker of a run of the tests, or all there is of one: `worker.py SETTINGS`, a JSON object.

`output` is the .npz file for the weights; `folder` that of the run's state; `recipe` its settings; `data` a folder of
TFRecords to train on, noise if not given; `kill` the step after which this process ends itself by SIGKILL. Prints, as
JSON, the history, the labels of each step that this worker read, and the figures told after each step.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sqnxt_export import Preprocessing
from sqnxt_tf.data.batches import ONLY_WORKER, Batches, WorkerRank
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.pipeline import Arrays, InMemory
from sqnxt_tf.data.streaming import Streamed
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.loop import train_model
from sqnxt_tf.training.recipe_files import Recipe
from sqnxt_tf.training.run_folder import RunFolder
from sqnxt_tf.training.run_options import RunOptions, Saving
from sqnxt_tf.training.strategies import is_chief, make_strategy


@dataclass
class Read:
    """Batches whose labels, here the images' own numbers, are remembered as they are read."""

    batches: Batches
    name: str = "numbered"

    def __post_init__(self) -> None:
        self.read: list[list[int]] = []

    @property
    def same_for_any_workers(self) -> bool:
        """The batches' own answer."""
        return self.batches.same_for_any_workers

    def __len__(self) -> int:
        return len(self.batches)

    def steps_per_epoch(self, batch: int) -> int:
        """Return the batches' own number."""
        return self.batches.steps_per_epoch(batch)

    def training(self, **which: Any) -> Iterator[tuple[Any, Any]]:
        """Yield the batches, and remember their labels; half of the images are of either class."""
        for images, labels in self.batches.training(**which):
            self.read.append(np.asarray(labels).tolist())
            yield images, np.asarray(labels) % 2

    def evaluation(self, *, batch: int, rank: WorkerRank = ONLY_WORKER) -> Iterable[tuple[Any, Any]]:
        """Return the batches for evaluation."""
        return self.batches.evaluation(batch=batch, rank=rank)


def small_model() -> Any:
    """Build a network for 8x8 images."""
    import tf_keras as keras

    layers, glorot = keras.layers, keras.initializers.GlorotUniform
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, use_bias=False, kernel_initializer=glorot(seed=1))(image)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.ReLU()(layers.Conv2D(8, 3, groups=2, kernel_initializer=glorot(seed=2))(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(2, kernel_initializer=glorot(seed=3))(x))


def noise(count: int, seed: int) -> Arrays:
    """Draw images that have their own numbers for labels."""
    drawn = np.random.default_rng(seed).normal(0, 1, (count, 8, 8, 3))
    return Arrays(drawn.astype(np.float32), np.arange(count))


def shards(folder: str) -> Streamed:
    """Open the training images of a folder of TFRecords."""
    return Streamed(images=DataSource.parse(folder).encoded_part("train"), preprocessing=Preprocessing.plain(8, 8))


def main(settings: dict[str, Any]) -> dict[str, Any]:
    """Train as this worker, and return the document that this program prints."""
    told: list[float] = []

    def tell(task: str, done: int, total: int, **figures: float) -> None:
        if "loss" in figures:  # not yet while the first step is compiled
            told.append(figures["loss"])
        if done == settings.get("kill"):
            os.kill(os.getpid(), signal.SIGKILL)

    data = Read(shards(settings["data"]) if "data" in settings else InMemory(arrays=noise(32, 0)))
    validation = noise(10, 1)
    folder = RunFolder(Path(settings["folder"])) if "folder" in settings else None
    if folder and is_chief():
        folder.begin({"seed": 3})
    strategy = make_strategy("auto")
    trained = train_model(
        small_model, data, Arrays(validation.images, validation.labels % 2), Recipe(**settings["recipe"]),
        RunOptions(strategy=strategy, seed=3, folder=folder, saving=Saving(steps=1), progress=tell),
    )  # fmt: skip
    weights = trained.model.get_weights()
    if is_chief():
        np.savez(settings["output"], **{str(place): value for place, value in enumerate(weights)})
    return {"history": trained.history, "read": data.read, "told": told}


if __name__ == "__main__":
    try:
        print(json.dumps(main(json.loads(sys.argv[1]))))  # noqa: T201
    except SqnxtError as error:
        sys.exit(f"error: {error}")
