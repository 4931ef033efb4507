"""SVD, pruning and Deep Compression of one trained network: sizes against accuracy.

    python benchmarks/compression_methods.py FOLDER [--epochs 3] [--rate 0.005]

SqueezeNet's paper (arXiv 1602.07360, table 2) compares these three on AlexNet. Here they are compared on a network like
AlexNet (five convolutions, three dense layers that hold most of the weights) that fits the digits at 32x32, which is
trained first. Each method keeps about a third of the weights and is fine-tuned for as many epochs: SVD makes each dense
and 1x1 kernel a product of two, pruning sets the smallest weights to zero, Deep Compression prunes and then shares the
rest with 6 bits. Judged on the 538 digits of the validation and test parts. Sizes are those of the float32 ONNX file,
of the same file zipped, and of the entropy-coded container that restores it bit for bit. What was measured lies in
FOLDER, and a run that was cut goes on.
"""

import argparse
import csv
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from sqnxt_export import Metadata, Preprocessing, compress_artifact, save_keras, to_onnx
from sqnxt_export.artifact.onnx_file import save_onnx
from sqnxt_tf.data.arrays import to_arrays
from sqnxt_tf.data.data_source import DataSource, load_data
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.sources import open_source
from sqnxt_tf.training.loop import copy_of, train_model
from sqnxt_tf.training.low_rank import factorised
from sqnxt_tf.training.pruning import prune_model
from sqnxt_tf.training.pruning_plan import Pruning, make_plan
from sqnxt_tf.training.recipe_files import CENTROIDS, DIGITS, FINETUNE
from sqnxt_tf.training.run_options import RunOptions
from sqnxt_tf.training.strategies import make_strategy
from sqnxt_tf.workflows.compress_model import fine_tune, share_model

COLUMNS = ("method", "kept", "onnx_bytes", "zipped_bytes", "container_bytes", "top1", "images")
_BITS = 6
_DENSITY = 0.33
_SIDE = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=0.005)
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    methods = Methods(options)
    calls: dict[str, Callable[[], Any]] = {
        "as trained": lambda: methods.source.model,
        "SVD": methods.low_rank,
        "pruning": methods.pruned,
        "pruning, 6 bits shared (Deep Compression)": methods.shared,
    }
    writer = csv.DictWriter(sys.stdout, COLUMNS)
    writer.writeheader()
    writer.writerows(methods.row(name, make) for name, make in calls.items())


def train_alexnet_like(path: Path) -> None:
    """Train the network on the digits and write its file."""
    import tf_keras as keras

    preprocessing = Preprocessing.plain(_SIDE, _SIDE)
    parts = [to_arrays(load_data("digits", split), preprocessing) for split in ("train", "validation")]  # type: ignore[arg-type]
    recipe = DIGITS.overridden(epochs=12, rate=0.02, max_shift=3)
    how = RunOptions(strategy=make_strategy("one-device"), progress=tell)

    def build() -> Any:
        keras.utils.set_random_seed(0)
        layers, same = keras.layers, {"padding": "same", "activation": "relu", "kernel_initializer": "he_normal"}
        image = layers.Input((_SIDE, _SIDE, 3))
        x = layers.MaxPooling2D(3, 2)(layers.Conv2D(16, 5, **same, name="conv1")(image))
        x = layers.MaxPooling2D(3, 2)(layers.Conv2D(32, 5, **same, name="conv2")(x))
        x = layers.Conv2D(48, 3, **same, name="conv3")(x)
        x = layers.Conv2D(48, 3, **same, name="conv4")(x)
        x = layers.MaxPooling2D(3, 2)(layers.Conv2D(32, 3, **same, name="conv5")(x))
        for number in (6, 7):
            x = layers.Dense(512, activation="relu", kernel_initializer="he_normal", name=f"fc{number}")(
                layers.Dropout(0.3)(layers.Flatten()(x))
            )
        return keras.Model(image, layers.Dense(10, name="fc8")(x), name="alexnet_like")

    trained = train_model(build, *parts, recipe, how)
    labels = tuple(str(digit) for digit in range(10))
    save_keras(trained.model, path, Metadata(labels=labels, preprocessing=preprocessing, data="digits"))


class Methods:
    """The model, its images and the folder of one run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, path = options, options.folder / "alexnet_like.keras"
        if not path.exists():
            train_alexnet_like(path)
        self.source = open_source(str(path))
        parts = {
            split: to_arrays(load_data("digits", split), self.source.preprocessing)  # type: ignore[arg-type]
            for split in ("train", "validation", "test")
        }
        self.training, self.validation = parts["train"], parts["validation"]
        self.judged = Arrays(
            np.concatenate([parts["validation"].images, parts["test"].images]),
            np.concatenate([parts["validation"].labels, parts["test"].labels]),
        )
        self.recipe = FINETUNE.overridden(epochs=options.epochs, rate=options.rate, max_shift=3)
        self.how = RunOptions(strategy=make_strategy("one-device"), progress=tell)
        self._pruned: Any = None

    def low_rank(self) -> Any:
        """Factorise dense and 1x1 kernels, and fine-tune the factors."""
        model, _ = factorised(self.source.model, _DENSITY)
        weights = model.get_weights()
        return train_model(lambda: copy_of(model, weights), self.training, self.validation, self.recipe, self.how).model

    def pruned(self) -> Any:
        """Prune and fine-tune."""
        if self._pruned is None:
            plan = make_plan(self.source.model, Pruning(sparsity=1 - _DENSITY))
            self._pruned = prune_model(
                self.source.model, self.training, self.validation, self.recipe, plan, self.how
            ).model
        return self._pruned

    def shared(self) -> Any:
        """Prune, cluster and fine-tune the clustered values."""
        recipe = CENTROIDS.overridden(epochs=self.options.epochs, rate=self.options.rate, max_shift=3)
        shared = share_model(self.pruned(), bits=_BITS)
        return fine_tune(shared, self.source, DataSource.parse("digits"), recipe, bits=_BITS, progress=tell).model

    def row(self, method: str, make: Callable[[], Any]) -> dict[str, Any]:
        """Return the row of a method; from FOLDER where it was measured already."""
        stem = "".join(letter if letter.isalnum() else "-" for letter in method)
        path = self.options.folder / f"{stem}.json"
        if not path.exists():
            model = make()
            artifact = self.options.folder / f"{path.stem}.onnx"
            save_onnx(to_onnx(model), artifact)
            found = compress_artifact(artifact, artifact.with_suffix(".sqz"), force=True)
            answers = model.predict(self.judged.images, verbose=0).argmax(1)
            kept = sum(np.count_nonzero(weights) for weights in model.get_weights() if weights.ndim > 1)
            whole = sum(weights.size for weights in self.source.model.get_weights() if weights.ndim > 1)
            figures = (
                method, f"{kept / whole:.3f}", found.raw_bytes, found.zipped_bytes, found.bytes,
                f"{np.mean(answers == self.judged.labels):.4f}", len(answers),
            )  # fmt: skip
            path.write_text(json.dumps(dict(zip(COLUMNS, figures, strict=True))))
        row: dict[str, Any] = json.loads(path.read_text())
        return row


def tell(task: str, done: int, total: int, **figures: float) -> None:
    if done % 20 == 0:
        print(task, done, total, {name: round(value, 4) for name, value in figures.items()}, file=sys.stderr)


if __name__ == "__main__":
    main()
