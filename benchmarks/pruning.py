"""What pruning costs in accuracy, judged on every one of the 1,797 digits.

    python benchmarks/pruning.py FOLDER [VARIANT...]

Half a point of the 359 test images is 1.8 of them, which tells nothing. So the digits are dealt into five parts with
equal shares of each class; for each part a 1.0-SqNxt-23v5 is trained on the other four by the digits recipe, pruned and
fine-tuned on the same four, and both models answer for the fifth. Every image is then judged once before and once after
pruning, by models that never saw it; nothing is chosen by it. What counts is the difference on the same images, so the
interval is one of paired fractions.

A variant is a sparsity (`0.4`), with `poly` behind it for the polynomial schedule (`0.4poly`), a pattern (`2:4`), or
`0`: fine-tuned without pruning, as a control. Everything measured lies in FOLDER, and a run that was cut goes on.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.proportion import wilson_interval
from sqnxt_tf.accuracy import paired_loss
from sqnxt_tf.data.arrays import to_arrays
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.networks.keras_ops import build
from sqnxt_tf.sources import default_preprocessing
from sqnxt_tf.training.kernels import count_zeros
from sqnxt_tf.training.loop import train_model
from sqnxt_tf.training.pruning import prune_model
from sqnxt_tf.training.pruning_plan import Pruning, make_plan
from sqnxt_tf.training.recipe_files import DIGITS, FINETUNE
from sqnxt_tf.training.run_options import RunOptions
from sqnxt_tf.training.strategies import make_strategy

NETWORK, FOLDS = "sqnxt23v5_w1", 5


def main(folder: Path, variants: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    preprocessing = default_preprocessing(DataSource.parse("digits"), NETWORK, None)
    parts = [to_arrays(part, preprocessing) for part in DataSource.parse("digits").parts().values()]
    images = Arrays(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("images", "labels")))
    fold_of = deal(images.labels)
    results = {
        variant: [measure(folder, images, fold_of, fold, variant) for fold in range(FOLDS)] for variant in variants
    }
    print(f"| pruned | zeros % | top-1 before % | after % | lost, points | 95 % interval |\n|{'---|' * 6}")
    for variant, folds in results.items():
        print(row(variant, folds))


def deal(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the part of each image, int64 [n]: shuffled, then dealt class by class."""
    order = np.random.default_rng(0).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    fold_of = np.empty(len(labels), np.int64)
    fold_of[order] = np.arange(len(labels)) % FOLDS
    return fold_of


def measure(folder: Path, images: Arrays, fold_of: NDArray[np.int64], fold: int, variant: str) -> dict[str, Any]:
    """Which answers for one part are right, before and after; from FOLDER where it was measured already."""
    path = folder / f"fold{fold}-{variant.replace(':', 'of')}.json"
    if path.exists():
        return json.loads(path.read_text())
    inside, outside = (
        Arrays(images.images[chosen], images.labels[chosen]) for chosen in (fold_of != fold, fold_of == fold)
    )
    dense = trained(folder, inside, outside, fold)
    tuned = fine_tuned(dense, inside, outside, fold, variant)
    zeros = count_zeros(tuned)
    result = {
        "before": right(dense, outside),
        "after": right(tuned, outside),
        "sparsity": sum(layer.zeros for layer in zeros) / sum(layer.weights for layer in zeros),
    }
    path.write_text(json.dumps(result))
    return result


def fine_tuned(dense: Any, inside: Arrays, outside: Arrays, fold: int, variant: str) -> Any:
    """Prune and fine-tune the dense model; only fine-tune it if the variant is `0`."""
    run = RunOptions(strategy=make_strategy("one-device"), seed=fold, progress=tell)
    if variant != "0":
        return prune_model(dense, inside, outside, FINETUNE, make_plan(dense, pruning_of(variant)), run).model
    weights = dense.get_weights()

    def same() -> Any:
        model = build(NETWORK, classes=10, input_size=64)
        model.set_weights(weights)
        return model

    return train_model(same, inside, outside, FINETUNE, run).model


def trained(folder: Path, inside: Arrays, outside: Arrays, fold: int) -> Any:
    """Train the dense model of a part once for all variants."""
    path = folder / f"fold{fold}.weights.h5"
    model = build(NETWORK, classes=10, input_size=64, seed=fold)
    if not path.exists():
        strategy = make_strategy("one-device")
        run = train_model(
            lambda: build(NETWORK, classes=10, input_size=64, seed=fold),
            inside, outside, DIGITS, RunOptions(strategy=strategy, seed=fold, progress=tell),
        )  # fmt: skip
        run.model.save_weights(path)
    model.load_weights(path)
    return model


def pruning_of(variant: str) -> Pruning:
    if ":" in variant:
        return Pruning(pattern=variant)
    schedule = "polynomial" if variant.endswith("poly") else "constant"
    return Pruning(sparsity=float(variant.removesuffix("poly")), schedule=schedule)


def right(model: Any, data: Arrays) -> list[bool]:
    return (model.predict(data.images, verbose=0).argmax(1) == data.labels).tolist()


def row(variant: str, folds: list[dict[str, Any]]) -> str:
    before, after = (np.concatenate([fold[name] for fold in folds]) for name in ("before", "after"))
    lost, low, high = paired_loss(before, after)
    sparsity = np.mean([fold["sparsity"] for fold in folds])
    shown = [
        f"{100 * right.mean():.2f} ({100 * low:.1f}-{100 * high:.1f})"
        for right in (before, after)
        for low, high in (wilson_interval(int(right.sum()), len(right)),)
    ]
    verdict = f"{100 * low:+.2f} to {100 * high:+.2f}"
    return f"| {variant} | {100 * sparsity:.1f} | {shown[0]} | {shown[1]} | {100 * lost:+.2f} | {verdict} |"


def tell(task: str, done: int, total: int, **figures: float) -> None:
    if done % 200 == 0:
        print(task, done, total, {name: round(value, 4) for name, value in figures.items()}, file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["0.4"])
