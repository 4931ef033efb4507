"""Which recipe suits a few thousand photographs: one network a row, each setting against the recipe `photos`.

The recipes are judged by the validation part alone; the test part is written down for the recipe that was chosen, on
the two goals (`tiny` and `v5`). A run that is interrupted is resumed, and a finished one is skipped: the same command
again continues the table. Seconds and machine stand in each row.

The photographs are those of alexeygrigorev/clothing-dataset-small (CC0 1.0), at 256 pixels of the shorter side.

Run it as `python benchmarks/photo_recipes.py PHOTOS [--only NAME...] [--seeds 0 1 2] [--work FOLDER]`.
"""

import argparse
from pathlib import Path
from typing import Any

from kept_results import (
    append_rows,
    document_of,
    interval_columns,
    is_trained,
    machine_columns,
    read_rows,
    told_row,
    training_seconds,
)  # fmt: skip

RESULTS = Path(__file__).with_suffix(".csv")
COLUMNS = (
    "name", "network", "input_size", "arguments", "seed", "epochs", "best_epoch", "validation_top1", "test_top1",
    "test_low", "test_high", "seconds", "cores", "machine",
)  # fmt: skip
SMALL, LARGE, SHORT = ("tiny_darknet", 96), ("sqnxt23v5_w1", 128), ("sqnxt23v5_w1", 64)

# name -> network and size, options of `train`; the two goals first, then one change each of Tiny Darknet's run
RUNS: dict[str, tuple[tuple[str, int], tuple[str, ...]]] = {
    "tiny": (SMALL, ()),
    "v5": (LARGE, ()),
    "paper": (SMALL, ("--recipe", "paper", "--batch", "32", "--set", "warmup_steps=96", "--epochs", "36")),
    "sgd": (SMALL, ("--set", "optimizer=sgd", "--rate", "0.05", "--set", "weight_decay=5e-4")),
    "rate x2": (SMALL, ("--rate", "6e-3")),
    "rate /2": (SMALL, ("--rate", "1.5e-3")),
    "batch 64": (SMALL, ("--batch", "64")),
    "larger crops": (SMALL, ("--set", "smallest_crop=0.6")),
    "smaller crops": (SMALL, ("--set", "smallest_crop=0.15")),
    "standard": (SMALL, ("--augmentation", "standard")),
    "none": (SMALL, ("--augmentation", "none")),
    "randaugment": (SMALL, ("--augmentation", "randaugment")),
    "randaugment 72 epochs": (SMALL, ("--augmentation", "randaugment", "--epochs", "72")),
    "mixup 0.2": (SMALL, ("--set", "mixup=0.2")),
    "no smoothing": (SMALL, ("--set", "label_smoothing=0")),
    "no average": (SMALL, ("--set", "ema=0")),
    "last epoch": (SMALL, ("--set", "keep=last")),
    "decay 0.01": (SMALL, ("--set", "weight_decay=0.01")),
    "18 epochs": (SMALL, ("--epochs", "18")),
    "72 epochs": (SMALL, ("--epochs", "72")),
    "v5 72 epochs": (LARGE, ("--epochs", "72")),
    "v5 whole branches": (LARGE, ("--set", "branch_scale=1")),
    "v5 mixup 0.2": (LARGE, ("--set", "mixup=0.2")),
    "v5 randaugment": (LARGE, ("--augmentation", "randaugment")),
    "v5 randaugment 72 epochs": (LARGE, ("--augmentation", "randaugment", "--epochs", "72")),
    "v5 smaller crops": (LARGE, ("--set", "smallest_crop=0.15")),
    "short": (SHORT, ("--epochs", "4")),
    "short whole branches": (SHORT, ("--epochs", "4", "--set", "branch_scale=1")),
    "short whole branches, rate /3": (SHORT, ("--epochs", "4", "--set", "branch_scale=1", "--rate", "1e-3")),
    "short branches 0.03": (SHORT, ("--epochs", "4", "--set", "branch_scale=0.03")),
}
GOALS = ("tiny", "v5")


def finished() -> set[tuple[str, int]]:
    """Return name and seed of the rows that are there."""
    return {(row["name"], int(row["seed"])) for row in read_rows(RESULTS)}


def train(name: str, seed: int, photos: Path, work: Path) -> dict[str, Any]:
    """Train one row, or continue it, and return the document of `train`."""
    (network, size), options = RUNS[name]
    output = work / f"{name.replace(' ', '-').replace('/', 'over-')}-{seed}.keras"
    again = ("--force",) if is_trained(output) else ()  # it was trained, and not written down
    document: dict[str, Any] = document_of(
        "train", "--network", network, "--data", photos, "--input-size", size, "--seed", seed, "-o", output, *options,
        *again,
    )  # fmt: skip
    return document


def row_of(name: str, seed: int, document: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the table; without the test part where a recipe is only being chosen."""
    (network, size), options = RUNS[name]
    history = document["history"]
    best = max(history, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
    kept = history[-1] if "keep=last" in options or "paper" in options else best
    judged = interval_columns(document["test"], ("test_top1", "test_low", "test_high"))
    return {
        "name": name, "network": network, "input_size": size, "arguments": " ".join(options), "seed": seed,
        "epochs": len(history), "best_epoch": int(best["epoch"]), "validation_top1": round(kept["val_accuracy"], 4),
        **(judged if name in GOALS else {}), "seconds": training_seconds(document), **machine_columns(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--only", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--work", type=Path, default=Path("photo-recipes"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for seed in arguments.seeds:
        for name in arguments.only:
            if (name, seed) in finished():
                continue
            row = row_of(name, seed, train(name, seed, arguments.photos, arguments.work))
            append_rows(RESULTS, COLUMNS, [row])
            told_row(row)


if __name__ == "__main__":
    main()
