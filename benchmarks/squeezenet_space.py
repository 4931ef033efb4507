"""Accuracy against the squeeze ratio and against the share of 3x3 filters: the two curves of SqueezeNet's paper.

    python benchmarks/squeezenet_space.py FOLDER --data PHOTOS [--seeds 3]
        [--recipe digits --set rate=0.01 --set augmentation=standard --epochs 40]

Section 5 of the paper (arXiv 1602.07360) varies the squeeze ratio at half of the filters 3x3 (its Figure 3a), and the
share of 3x3 filters at a squeeze ratio of 0.5 (3b); both curves meet in one network. Each network is trained from
scratch, alike but for its metaparameters, and judged on the validation and the test part of PHOTOS. Without a
`--recipe` it is the one that `sqnxt-tf train` takes for such data. SqueezeNets have no batch norm: a recipe for
networks that have one may need a tenth of its rate.

FOLDER keeps a model, the state of its training and a .json file for each network and seed: the same command again keeps
what is finished and resumes what was cut. After each network it writes `squeezenet_space.csv`, and at the end
`squeezenet_space.png`.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from kept_results import interval_columns, is_trained, read_rows, tell, write_rows, written

from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.networks.registry import layer_rows
from sqnxt_tf.networks.squeezenet_names import spec_name, squeezenet_spec

SQUEEZE_RATIOS = (0.125, 0.25, 0.5, 0.75, 1.0)
FRACTIONS = (0.01, 0.25, 0.5, 0.75, 0.99)
PAPERS_FRACTION, PAPERS_RATIO = 0.5, 0.5  # what the first and the second curve hold fixed
CURVES = {"squeeze_ratio": "squeeze ratio", "fraction_3x3": "fraction of 3x3 filters"}
COLUMNS = (
    "curve", "network", "squeeze_ratio", "fraction_3x3", "seed", "params", "macs", "input_size", "epochs",
    "validation_top1", "test_top1", "test_low", "test_high", "seconds",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    given = parse(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    points = list(curve_points(given.squeeze_ratios, given.fractions, given.version))
    networks = dict.fromkeys(network for _, network, _, _ in points)
    for seed, network in product(range(given.seeds), networks):
        measured(network, seed, given)
        write_table(points, given)
    draw(given.folder / "squeezenet_space.csv", given.folder / "squeezenet_space.png")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", required=True, help="a folder with train, validation and test, each with classes")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each network")
    parser.add_argument(
        "--version", choices=["1.0", "1.1"], default="1.1", help="whose stem and pools the networks have"
    )
    parser.add_argument("--input-size", type=int, default=128, help="side of the input in pixels")
    parser.add_argument("--recipe", help="a recipe's name or .toml file; that of the data by default")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the recipe")
    parser.add_argument("--epochs", type=int, help="epochs, in place of the recipe's")
    parser.add_argument("--squeeze-ratios", type=float, nargs="*", default=SQUEEZE_RATIOS, help="of the first curve")
    parser.add_argument("--fractions", type=float, nargs="*", default=FRACTIONS, help="of the second curve")
    given = parser.parse_args(arguments)
    if given.recipe is None and (given.set or given.epochs):
        parser.error("--set and --epochs change a --recipe: give one")
    return given


def curve_points(
    ratios: Sequence[float], fractions: Sequence[float], version: str
) -> Iterator[tuple[str, str, float, float]]:
    """Yield curve, network, squeeze ratio and fraction of 3x3 filters of every point."""
    for ratio in ratios:
        yield "squeeze_ratio", network_of(version, ratio, PAPERS_FRACTION), ratio, PAPERS_FRACTION
    for fraction in fractions:
        yield "fraction_3x3", network_of(version, PAPERS_RATIO, fraction), PAPERS_RATIO, fraction


def network_of(version: str, ratio: float, fraction: float) -> str:
    spec = squeezenet_spec(
        version, squeeze_ratio=ratio, fraction_3x3=fraction, base_expand=128, expand_increment=128, fires_per_step=2,
        bypass="none",
    )  # fmt: skip
    return spec_name(spec)


def measured(network: str, seed: int, given: argparse.Namespace) -> None:
    """Train and judge one network, unless FOLDER has its result."""
    from sqnxt_tf.device.evaluation import evaluate
    from sqnxt_tf.training.recipe_files import resolve_recipe
    from sqnxt_tf.workflows.train import train

    result, model = result_path(network, seed, given), given.folder / f"{network}-seed{seed}.keras"
    if result.exists():
        if json.loads(result.read_text("utf-8"))["settings"] != settings_of(given):
            raise SystemExit(f"{result}: was measured with other settings; choose another FOLDER")
        return
    data, began = DataSource.parse(given.data), time.monotonic()
    recipe = given.recipe and resolve_recipe(given.recipe, given.set, default=given.recipe, epochs=given.epochs)
    if not is_trained(model):
        train(network, model, data=data, recipe=recipe, input_size=given.input_size, seed=seed, progress=tell)
    history = model.with_suffix(".train") / "history.csv"
    validation = evaluate(model, data.parts()["validation"])
    test = evaluate(model, data.parts()["test"])
    found = {
        "input_size": given.input_size,
        "epochs": len(history.read_text("utf-8").splitlines()) - 1 if history.exists() else "",
        "validation_top1": validation.top1,
        **interval_columns(test.to_json(), ("test_top1", "test_low", "test_high"), digits=None),
        "seconds": round(time.monotonic() - began),
        "settings": settings_of(given),
    }
    written(result, found)


def settings_of(given: argparse.Namespace) -> dict[str, Any]:
    """Return what all results of one folder must have been measured with."""
    data = str(Path(given.data).absolute())
    return {
        "data": data,
        "input_size": given.input_size,
        "recipe": given.recipe,
        "set": given.set,
        "epochs": given.epochs,
    }


def result_path(network: str, seed: int, given: argparse.Namespace) -> Path:
    path: Path = given.folder / f"{network}-seed{seed}.json"
    return path


def write_table(points: Sequence[tuple[str, str, float, float]], given: argparse.Namespace) -> None:
    """Write what is measured so far as CSV, one row for each curve, network and seed."""
    classes = len(DataSource.parse(given.data).parts()["train"].class_names)
    table = []
    for (curve, network, ratio, fraction), seed in product(points, range(given.seeds)):
        path = result_path(network, seed, given)
        if path.exists():
            rows = layer_rows(network, classes=classes, input_size=given.input_size)
            own = {
                "curve": curve,
                "network": network,
                "squeeze_ratio": ratio,
                "fraction_3x3": fraction,
                "seed": seed,
            }
            costs = {"params": sum(row.params for row in rows), "macs": sum(row.macs for row in rows)}
            found = json.loads(path.read_text("utf-8"))
            del found["settings"]
            table.append({**own, **costs, **found})
    write_rows(given.folder / "squeezenet_space.csv", COLUMNS, table)


def draw(table: Path, picture: Path) -> None:
    """Draw both curves: validation and test accuracy, the mean of all seeds, and the sizes of the models."""
    from matplotlib.figure import Figure

    rows = read_rows(table)
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    for axes, (curve, title) in zip(figure.subplots(1, 2, sharey=True), CURVES.items(), strict=True):
        mine = [row for row in rows if row["curve"] == curve]
        values = sorted({float(row[curve]) for row in mine})
        of = {value: [row for row in mine if float(row[curve]) == value] for value in values}
        for part, colour in (("validation", "#0072B2"), ("test", "#D55E00")):
            tops = [100 * mean(of[value], f"{part}_top1") for value in values]
            axes.plot(values, tops, marker="o", color=colour, label=f"{part} photos")
        spread = [(100 * mean(of[value], "test_low"), 100 * mean(of[value], "test_high")) for value in values]
        axes.fill_between(values, *np.array(spread).reshape(-1, 2).T, color="#D55E00", alpha=0.15, lw=0)
        for value in values:
            size = f"{4 * float(of[value][0]['params']) / 1e6:.1f} MB"
            axes.annotate(size, (value, 0.01), xycoords=("data", "axes fraction"), ha="center", fontsize=8, color="0.4")
        axes.set_xlabel(title)
    figure.axes[0].set_ylabel("top-1 accuracy, %")
    figure.axes[0].legend(loc="best", frameon=False)
    figure.savefig(picture, dpi=150)


def mean(rows: Sequence[dict[str, str]], column: str) -> float:
    return float(np.mean([float(row[column]) for row in rows]))


if __name__ == "__main__":
    main()
