"""What int8 costs a model whose activations do not fit in 8 bits, and which remedy mends it.

    python benchmarks/qat.py FOLDER MODEL.keras [--data digits] [--epochs 2] [--rate 0.005] [--qat-rate 0.001]

The model must be trained on the data. Every row is judged on the images of the validation and test parts (538 digits),
in ONNX and in TFLite: the model as it is, post-training quantisation (512 calibration images), the same after
cross-layer equalisation, and quantisation-aware training. The control is fine-tuned as long in float32, then quantised
after training: without it, nobody could tell rounding from further training. The gate is left out here, since it
refuses the bad artifacts. What was measured lies in FOLDER, and a run that was cut goes on.
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
from numpy.typing import NDArray

from sqnxt_export import (
    ExportError,
    LearntRanges,
    load_keras,
    open_model,
    quantise_onnx,
    read_metadata,
    save_keras,
    to_onnx,
    to_tflite,
)
from sqnxt_export.artifact.onnx_file import save_onnx
from sqnxt_tf.data.arrays import spread_arrays, to_arrays
from sqnxt_tf.data.data_source import load_data
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.sources import ModelSource, open_source
from sqnxt_tf.training.equalising import equalised
from sqnxt_tf.training.loop import copy_of, train_model
from sqnxt_tf.training.quantised_training import train_quantised
from sqnxt_tf.training.recipe_files import FINETUNE
from sqnxt_tf.training.run_options import RunOptions
from sqnxt_tf.training.strategies import make_strategy

COLUMNS = ("model", "remedy", "format", "precision", "top1", "same_top1", "snr_db", "images")
_CALIBRATION = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", default="digits", help="digits, or a folder that is divided into three parts")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rate", type=float, default=0.005)
    parser.add_argument("--qat-rate", type=float, default=0.001)
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    source = open_source(str(options.model))
    bench = Bench(options, source)
    remedies: dict[str, Callable[[], Any]] = {
        "none": lambda: source.model,
        "equalised": lambda: equalised(source.model)[0],
        f"float32 for {options.epochs} epochs": bench.fine_tuned,
        f"QAT for {options.epochs} epochs": bench.quantisation_aware,
    }
    rows = [row for name, make in remedies.items() for row in bench.rows(name, make)]
    writer = csv.DictWriter(sys.stdout, COLUMNS, restval="refused")
    writer.writeheader()
    writer.writerows(rows)


class Bench:
    """The images and the folder of one run."""

    def __init__(self, options: argparse.Namespace, source: ModelSource) -> None:
        self.options, self.source = options, source
        sets = {split: load_data(options.data, split) for split in ("train", "validation", "test")}  # type: ignore[arg-type]
        parts = {split: to_arrays(images, source.preprocessing) for split, images in sets.items()}
        self.training, self.validation = parts["train"], parts["validation"]
        self.judged = Arrays(
            np.concatenate([parts["validation"].images, parts["test"].images]),
            np.concatenate([parts["validation"].labels, parts["test"].labels]),
        )
        self.calibration = spread_arrays(sets["train"], source.preprocessing, _CALIBRATION).images
        self.recipe = FINETUNE.overridden(epochs=options.epochs, rate=options.rate)
        self.qat_recipe = FINETUNE.overridden(epochs=options.epochs, rate=options.qat_rate)
        self.how = RunOptions(strategy=make_strategy("one-device"), progress=tell)

    def rows(self, remedy: str, make: Callable[[], Any]) -> list[dict[str, Any]]:
        """Return the rows of one remedy; from FOLDER where they were measured already."""
        path = self.options.folder / f"{self.options.model.stem}-{remedy.replace(' ', '_')}.json"
        if not path.exists():
            model = make()
            exact = model.predict(self.judged.images, verbose=0)
            learnt = self._learnt() if remedy.startswith("QAT") else None
            found = [self._row(remedy, "keras", "float32", exact, exact)]
            for kind in ("onnx", "tflite"):
                try:
                    found.append(self._row(remedy, kind, "int8", exact, self._artifact(model, kind, learnt)))
                except ExportError as error:  # a runtime may refuse a file whose scales are far apart
                    print(error, file=sys.stderr)
                    found.append(dict(zip(COLUMNS, (self.options.model.stem, remedy, kind, "int8"), strict=False)))
            path.write_text(json.dumps(found))
        rows: list[dict[str, Any]] = json.loads(path.read_text())
        return rows

    def fine_tuned(self) -> Any:
        """Fine-tune in float32."""
        weights = self.source.model.get_weights()
        return train_model(
            lambda: copy_of(self.source.model, weights), self.training, self.validation, self.recipe, self.how
        ).model

    def quantisation_aware(self) -> Any:
        """Fine-tune with rounding; the model with its ranges is kept in FOLDER."""
        trained = train_quantised(self.source.model, self.training, self.validation, self.qat_recipe, "int8", self.how)
        ranges = LearntRanges(precision="int8", ranges=trained.ranges)
        metadata = self.source.metadata
        save_keras(trained.model, self._qat_path(), metadata.__class__(extra=ranges.to_extra()), force=True)
        return load_keras(self._qat_path())

    def _qat_path(self) -> Path:
        path: Path = self.options.folder / f"{self.options.model.stem}-qat.keras"
        return path

    def _learnt(self) -> LearntRanges | None:
        metadata = read_metadata(self._qat_path())
        return LearntRanges.of(metadata) if metadata else None

    def _artifact(self, model: Any, kind: str, learnt: LearntRanges | None) -> NDArray[np.float32]:
        """Return the logits of the int8 artifact."""
        path = self.options.folder / f"artifact.{kind}"
        if kind == "onnx":
            graph = quantise_onnx(to_onnx(model, batch=None), "int8", self.calibration, learnt=learnt)
            save_onnx(graph, path)
        else:
            path.write_bytes(to_tflite(model, "int8", self.calibration, learnt=learnt))
        return np.asarray(open_model(path).run(self.judged.images))

    def _row(
        self, remedy: str, kind: str, precision: str, exact: NDArray[np.float32], logits: NDArray[np.float32]
    ) -> dict[str, Any]:
        best, noise = logits.argmax(1), float(np.sum((exact - logits) ** 2, dtype=np.float64))
        signal = float(np.sum(exact**2, dtype=np.float64))
        figures = (
            f"{np.mean(best == self.judged.labels):.4f}", f"{np.mean(best == exact.argmax(1)):.4f}",
            f"{10 * np.log10(signal / noise):.1f}" if noise else "", len(best),
        )  # fmt: skip
        return dict(zip(COLUMNS, (self.options.model.stem, remedy, kind, precision, *figures), strict=True))


def tell(task: str, done: int, total: int, **figures: float) -> None:
    if done % 20 == 0:
        print(task, done, total, {name: round(value, 4) for name, value in figures.items()}, file=sys.stderr)


if __name__ == "__main__":
    main()
