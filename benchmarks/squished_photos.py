"""SquishedNets on photographs: what is lost from 2.4 to 0.95 MB, with three seeds.

For each seed, SqueezeNet v1.1 is trained on the photos by the recipe `photos` at a rate of 3e-4 (it has no batch norm),
and evolved over four generations at the sizes of SquishedNets' abstract (Shafiee et al., arXiv 1711.07459): with ten
classes from 2.4 to 0.95 MB, where at most 4.2 points were lost from the first to the last. A network is a row of
`squished_photos.csv`, with the 95 % interval of its accuracy on the test part. At the end the loss of each seed is
printed, and the mean of all with its interval by Student's t.

The same command continues wherever it was killed, inside of a training run too. `--minutes` begins no step after that
time. The photographs are those of alexeygrigorev/clothing-dataset-small (CC0 1.0), at 256 pixels of the shorter side.

Run it as `python benchmarks/squished_photos.py PHOTOS [--seeds 0 1 2] [--minutes N] [--work FOLDER]`.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from kept_results import (
    Steps,
    append_rows,
    check_settings,
    machine_columns,
    read_rows,
    told_row,
    training_seconds,
)  # fmt: skip

RESULTS = Path(__file__).with_suffix(".csv")
NETWORK, RATE = "squeezenet_v1_1", "3e-4"
MOST_LOST = 4.2
"""Points from the first offspring to the last, in the abstract: from 81.2 to 77 %."""
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""The 97.5 % quantile of Student's t for means of so many values."""
COLUMNS = (
    "seed", "network", "generation", "chosen", "input_size", "bytes", "parameters", "filters", "macs", "cycles",
    "energy", "validation_top1", "test_top1", "test_low", "test_high", "points_lost", "training_seconds", "cores",
    "machine",
)  # fmt: skip
FIGURES = ("generation", "bytes", "parameters", "filters", "macs", "cycles", "energy")


def main(arguments: Sequence[str] | None = None) -> None:
    given = parse(arguments)
    check_settings(given.work / "settings.json", settings_of(given), "the work folder")
    until = time.monotonic() + 60 * given.minutes
    finished = {int(row["seed"]) for row in read_rows(given.table)}
    for seed in given.seeds:
        if seed not in finished:
            rows = rows_of(seed, given, Steps(given.work / f"seed-{seed}", until))
            append_rows(given.table, COLUMNS, ({**row, **machine_columns()} for row in rows))
            for row in rows:
                told_row(row)
    for line in findings(read_rows(given.table)):
        print(line)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no step after this time")
    parser.add_argument("--work", type=Path, default=Path("squished-photos"))
    parser.add_argument("--table", type=Path, default=RESULTS, help="the table to write")
    parser.add_argument("--input-size", type=int, default=96, help="side of the input in pixels")
    parser.add_argument("--offspring", type=int, default=1, help="offspring of each generation, of which one is chosen")
    parser.add_argument("--workers", type=int, default=1, help="offspring that are bred at a time")
    parser.add_argument("--founder-epochs", type=int, help="epochs of the founder, in place of the recipe's")
    parser.add_argument("--offspring-epochs", type=int, help="epochs of each offspring, in place of the recipe's")
    return parser.parse_args(arguments)


def settings_of(given: argparse.Namespace) -> dict[str, Any]:
    """Return what all results of one work folder must have been measured with."""
    free = ("seeds", "minutes", "work", "table", "workers")
    settings = {name: value for name, value in vars(given).items() if name not in free}
    return {**settings, "photos": str(given.photos.absolute())}


def rows_of(seed: int, given: argparse.Namespace, steps: Steps) -> list[dict[str, Any]]:
    """Train and evolve with one seed, and return a row for each network."""
    founder, data = steps.folder / "founder.keras", ("--data", given.photos, "--seed", seed)
    about = ("--network", NETWORK, "--input-size", given.input_size, "--rate", RATE)
    longer = epochs(given.founder_epochs)
    trained = steps.document("train", "train", *about, *data, *longer, "-o", founder, made=founder)
    how = ("--offspring", given.offspring, "--workers", given.workers, *epochs(given.offspring_epochs))
    evolved = steps.document("evolve", "evolve", founder, *data, *how, "-o", steps.folder / "evolved")
    rows = [{**row_of(evolved["founder"]), "chosen": True, "training_seconds": training_seconds(trained)}]
    for row in evolved["offspring"]:
        history = read_rows(steps.folder / "evolved" / f"{row['name']}.train" / "history.csv")
        seconds = round(sum(float(epoch["seconds"]) for epoch in history))
        lost = round(100 * row["top1_lost"], 2)
        rows.append({**row_of(row), "chosen": row["chosen"], "points_lost": lost, "training_seconds": seconds})
    return [{"seed": seed, "input_size": given.input_size, **row} for row in rows]


def epochs(count: int | None) -> tuple[object, ...]:
    return () if count is None else ("--epochs", count)


def row_of(member: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a network of the lineage."""
    accuracies = {
        "validation_top1": "validation",
        "test_top1": "top1",
        "test_low": "top1_low",
        "test_high": "top1_high",
    }
    return {
        "network": member["name"], **{name: round(member[name]) for name in FIGURES},
        **{column: round(member[name], 4) for column, name in accuracies.items()},
    }  # fmt: skip


def findings(rows: list[dict[str, str]]) -> list[str]:
    """Return the points that are lost from the first to the last offspring: of each seed, and their mean."""
    lines, lost = [], []
    for seed in sorted({int(row["seed"]) for row in rows}):
        line = {int(row["generation"]): row for row in rows if int(row["seed"]) == seed and row["chosen"] == "True"}
        first, last = line[1], line[max(line)]
        lost.append(100 * (float(first["test_top1"]) - float(last["test_top1"])))
        ends = [f"{int(row['bytes']) / 1e6:.2f} MB ({100 * float(row['test_top1']):.1f} %)" for row in (first, last)]
        sizes = " to ".join(ends)
        lines.append(f"seed {seed}: {sizes}, {lost[-1]:+.1f} points lost")
    if len(lost) in STUDENT:
        half = STUDENT[len(lost)] * stdev(lost) / len(lost) ** 0.5
        lines.append(
            f"{len(lost)} seeds: {mean(lost):+.1f} points lost in the mean (95 %: {mean(lost) - half:+.1f} to "
            f"{mean(lost) + half:+.1f}); at most {max(lost):+.1f}, asked for: at most {MOST_LOST}"
        )
    return lines


if __name__ == "__main__":
    main()
