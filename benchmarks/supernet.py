"""A supernet of photographs: does it rank networks as training them alone does, and what beats v5?

    python benchmarks/supernet.py PHOTOS -o FOLDER [--only train|judge|alone] [--networks 14] [--trials 1500]
        [--input-sizes 96] [--trained photo-networks]

1. trains a supernet of the space `photos` on PHOTOS, a folder with train, validation and test;
2. judges the networks of `--trials` trials of NSGA-II (accuracy, cycles and energy on one array), and v2 to v5;
3. trains networks alone, by the recipe of any photographs: v1 to v5 (v1 is no slice of the supernet, as it begins its
   stages in another way), up to four that are more accurate and cheaper than v5 by the supernet's word, and others at
   even distances of its ranking; those that `photo_networks.py` has trained alike (on the same photos, at the same
   size, by the same recipe, with the same seed) are taken from its work folder, `--trained`;
4. writes `supernet.csv`, beside `supernet_judged.csv` of step 2, and prints Kendall's tau between both accuracies, and
   what beats v5 in accuracy, cycles and energy once it is trained alone.

Each part takes hours on two cores. The same command again continues wherever it was killed, and step 4 is done each
time with what is there. `--only` ends after a part; other options must stay the same in one FOLDER.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from kept_results import check_settings, interval_columns, is_trained, tell, training_seconds, write_rows, written

from sqnxt_export import read_metadata
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.exploration.candidates import Candidate, Coster
from sqnxt_tf.exploration.sampling import Sampling
from sqnxt_tf.exploration.space import Point, Space
from sqnxt_tf.exploration.space_file import load_space
from sqnxt_tf.networks.squeezenext import SPECS
from sqnxt_tf.supernet.rank_correlation import kendall_tau
from sqnxt_tf.training.recipe_files import Recipe
from sqnxt_tf.workflows.search import search
from sqnxt_tf.workflows.supernet import Supernet

LISTED = ("sqnxt23_w1", *(f"sqnxt23v{version}_w1" for version in (2, 3, 4, 5)))
BETTER = ("accuracy", "cycles", "energy")
MOST_BETTER = 4  # networks that beat the reference by the supernet's word and are trained alone
COLUMNS = (
    "network", "input_size", "listed", "params", "macs", "cycles", "energy", "supernet_top1", "validation_top1",
    "test_top1", "test_low", "test_high", "beats_reference", "seconds",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    given = parse(arguments)
    check_settings(given.output / "settings.json", settings_of(given))
    file = train_supernet(given)
    if given.only == "train":
        return
    space, supernet = space_of(given), Supernet(file, DataSource.parse(given.photos))
    judged = judge(space, supernet, given)
    write_judged(judged, given.output / "supernet_judged.csv")
    if given.only == "judge":
        return
    chosen = choose(judged, space, given)
    for name, size in chosen:
        train_alone(name, size, given)
        report(chosen, judged, space, given)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", help="a folder with train, validation and test, each with classes")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="everything is kept here")
    parser.add_argument("--only", choices=["train", "judge", "alone"], help="the part to end with")
    parser.add_argument("--space", default="photos", help="a space by name, or a .toml file")
    parser.add_argument("--input-sizes", nargs="+", metavar="N", help="some of the space's input sizes")
    parser.add_argument("--base", default="squeezelerator-16x16", help="the array whose cycles and energy count")
    parser.add_argument("--trials", type=int, default=1500, help="trials of the search")
    parser.add_argument("--networks", type=int, default=14, help="networks that are trained alone, v1 to v5 among them")
    parser.add_argument("--reference", default="sqnxt23v5_w1", help="the network to beat")
    parser.add_argument("--epochs", type=int, help="epochs of the supernet, in place of the recipe's")
    parser.add_argument("--alone-epochs", type=int, help="epochs of the networks alone, in place of the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trained", type=Path, metavar="FOLDER", help="the work folder of photo_networks.py")
    return parser.parse_args(arguments)


def settings_of(given: argparse.Namespace) -> dict[str, Any]:
    """Return what all results of one FOLDER must have been measured with."""
    settings = {name: value for name, value in vars(given).items() if name not in ("output", "only", "trained")}
    settings["photos"] = str(Path(given.photos).absolute()) if Path(given.photos).exists() else given.photos
    return settings


def train_supernet(given: argparse.Namespace) -> Path:
    from sqnxt_tf.workflows.train import train

    file: Path = given.output / "super.keras"
    if not is_trained(file):
        space, changes = space_of(given), {"epochs": given.epochs} if given.epochs else {}
        began = time.monotonic()
        train(None, file, data=given.photos, supernet=space, changes=changes, seed=given.seed, progress=tell)
        print(f"supernet: {time.monotonic() - began:.0f} s since the run was started or resumed", file=sys.stderr)
    return file


def space_of(given: argparse.Namespace) -> Space:
    sizes = {"input_size": given.input_sizes} if given.input_sizes else {}
    return load_space(given.space, only={"base": [given.base], **sizes})


def judge(space: Space, supernet: Supernet, given: argparse.Namespace) -> dict[tuple[str, int], Candidate]:
    """Return the networks that the search and the list name, with accuracy where the supernet holds them."""
    sampling = Sampling(trials=given.trials, storage=str(given.output / "trials.db"), seed=given.seed)
    outcome = search(
        space, supernet=supernet.path, data=given.photos, objectives=BETTER, sampling=sampling, progress=tell
    )
    found = {(one.network, one.input_size): one for one in outcome.candidates}
    coster, side = Coster(outcome.space), max(supernet.choices.input_sizes)
    for name in LISTED:
        one = coster.cost(Point(SPECS[name], side, 0))
        held = space.holds(SPECS[name])
        found[name, side] = one.with_accuracy(supernet.accuracy(SPECS[name], side)) if held else one
    return found


def write_judged(judged: dict[tuple[str, int], Candidate], table: Path) -> None:
    """Write the networks that the supernet has judged, the most accurate first, and of these the fastest."""
    rows = []
    for (name, size), one in judged.items():
        if "accuracy" in (figures := one.figures):
            own = {"network": name, "input_size": size, "validation_top1": round(figures["accuracy"], 4)}
            counts = {key: figures[key] for key in ("params", "macs")}
            rows.append(own | counts | {key: round(figures[key]) for key in ("cycles", "energy")})
    write_rows(table, tuple(rows[0]), sorted(rows, key=lambda row: (-row["validation_top1"], row["cycles"])))


def choose(judged: dict[tuple[str, int], Candidate], space: Space, given: argparse.Namespace) -> list[tuple[str, int]]:
    """Return the networks to train alone; the first choice is kept, as later trials would change it."""
    path = given.output / "alone.json"
    if not path.exists():
        side = max(map(int, space.dimensions["input_size"]))
        written(path, chosen_networks(judged, side, given.reference, given.networks))
    return [(name, size) for name, size in json.loads(path.read_text("utf-8"))]


def chosen_networks(
    judged: dict[tuple[str, int], Candidate], side: int, reference: str, count: int
) -> list[tuple[str, int]]:
    """Return the listed networks, the best of those that beat the reference, and others spread over the ranking."""
    slices = sorted((key for key in judged if "accuracy" in judged[key].figures), key=lambda key: top1(judged[key]))
    listed = [(name, side) for name in LISTED if (name, side) in judged]
    better = [key for key in reversed(slices) if beats(judged[key].figures, judged[reference, side].figures)]
    chosen = list(dict.fromkeys([*listed, *better[:MOST_BETTER]]))
    others = [key for key in slices if key not in chosen]
    missing = min(max(count - len(chosen), 0), len(others))
    places = np.linspace(0, len(others) - 1, missing).round().astype(int) if missing else []
    return [*chosen, *(others[place] for place in places)]


def beats(one: Any, reference: Any) -> bool:
    """Return whether one has a higher accuracy, fewer cycles and less energy."""
    return bool(
        one["accuracy"] > reference["accuracy"]
        and one["cycles"] < reference["cycles"]
        and one["energy"] < reference["energy"]
    )


def top1(candidate: Candidate) -> float:
    return float(candidate.figures["accuracy"])


def train_alone(network: str, size: int, given: argparse.Namespace) -> None:
    """Train and judge one network, unless FOLDER has its result; a model that was trained alike is only judged."""
    from sqnxt_tf.device.evaluation import evaluate
    from sqnxt_tf.workflows.train import train

    result, model = result_path(network, size, given), given.output / f"{network}-{size}.keras"
    if result.exists():
        return
    began, before = time.monotonic(), 0
    if (alike := trained_alike(network, size, given)) is not None:
        model, before = alike
    elif not is_trained(model):
        train(network, model, **training_of(size, given), progress=tell)
    parts = DataSource.parse(given.photos).parts()
    validation, test = evaluate(model, parts["validation"]), evaluate(model, parts["test"])
    figures = interval_columns(test.to_json(), ("test_top1", "test_low", "test_high"), digits=None)
    seconds = before + round(time.monotonic() - began)
    written(result, {"validation_top1": validation.top1, **figures, "seconds": seconds})


def training_of(size: int, given: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `train` for a network alone."""
    changes = {"epochs": given.alone_epochs} if given.alone_epochs else {}
    return {"data": DataSource.parse(given.photos), "changes": changes, "input_size": size, "seed": given.seed}


def trained_alike(network: str, size: int, given: argparse.Namespace) -> tuple[Path, int] | None:
    """Return the model that `photo_networks.py` has trained as `train_alone` would, and its seconds; else None."""
    from sqnxt_tf.workflows.train import plan_training

    if given.trained is None:
        return None
    model, document = given.trained / network / "model.keras", given.trained / network / "train.json"
    if not is_trained(model) or not document.exists():
        return None
    metadata = read_metadata(model)
    found = metadata.extra.get("settings", {}) if metadata else {}
    wanted = {"network": network, "input_size": [size, size], "seed": given.seed}
    recipe = plan_training(network, model, **training_of(size, given)).recipe
    if any(found.get(name) != value for name, value in wanted.items()) or Recipe(**found["recipe"]) != recipe:
        return None
    if Path(found["data"]).absolute() != Path(given.photos).absolute():
        return None
    return model, training_seconds(json.loads(document.read_text("utf-8")))


def result_path(network: str, size: int, given: argparse.Namespace) -> Path:
    path: Path = given.output / f"{network}-{size}.json"
    return path


def report(
    chosen: Sequence[tuple[str, int]],
    judged: dict[tuple[str, int], Candidate],
    space: Space,
    given: argparse.Namespace,
) -> None:
    """Write the table of the networks that are trained so far, and print what follows from it."""
    rows = []
    for name, size in chosen:
        path = result_path(name, size, given)
        if path.exists():
            figures = dict(judged[name, size].figures)
            own = {"network": name, "input_size": size, "listed": name in LISTED}
            costs = {key: figures[key] for key in ("params", "macs", "cycles", "energy")}
            word = {"supernet_top1": figures.get("accuracy", "")}
            rows.append({**own, **costs, **word, **json.loads(path.read_text("utf-8"))})
    side = max(map(int, space.dimensions["input_size"]))
    for line in findings(rows, given.reference, side):
        print(line)
    write_rows(given.output / "supernet.csv", COLUMNS, rows)


def findings(rows: list[dict[str, Any]], reference: str, side: int) -> list[str]:
    """Return what the table says, and mark in it what beats the reference on the validation photos."""
    slices = [row for row in rows if row["supernet_top1"] != ""]
    lines = []
    for part in ("validation", "test"):
        tau = kendall_tau([row["supernet_top1"] for row in slices], [row[f"{part}_top1"] for row in slices])
        lines.append(f"Kendall's tau with the {part} photos: {tau:.3f}, {len(slices)} networks trained alone")
    alone = {(row["network"], row["input_size"]): {**row, "accuracy": row["validation_top1"]} for row in rows}
    wanted = alone.get((reference, side))
    for key, row in zip(alone, rows, strict=True):
        row["beats_reference"] = wanted is not None and beats(alone[key], wanted)
    better = [f"{row['network']} at {row['input_size']}" for row in rows if row["beats_reference"]]
    lines.append(f"better than {reference} in accuracy, cycles and energy: {', '.join(better) or 'none'}")
    return lines


if __name__ == "__main__":
    main()
