"""The page of the networks on photographs: `photo_networks.csv` as a table and as the paper's Figure 7.

Usage: `python benchmarks/photo_page.py [PAGE.md]`; the table goes between its markers, the picture beside the page.
"""

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from kept_results import read_rows
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sqnxt_tf.networks.registry import find_network
from sqnxt_tf.paper.figures import figure7
from sqnxt_tf.reports.label_places import place_labels

RESULTS = Path(__file__).with_name("photo_networks.csv")
PAGE = Path(__file__).parents[1] / "docs" / "photographs.md"
START, END = "<!-- photo_networks -->\n", "<!-- /photo_networks -->"
FILES = {
    "float": "model.keras", "pruned 40 %": "pruned.keras", "float16": "pruned-float16.onnx",
    "int16": "pruned-int16.onnx", "int8": "pruned-int8.onnx", "int8, QAT": "qat-int8.onnx",
}  # fmt: skip
"""Column of accuracies -> the file that it is of."""
SIMULATED = "pruned-int16.onnx"  # the paper's arrays work with 16 bits
REFERENCE = "sqnxt23v5_w1"


def networks() -> dict[str, dict[str, dict[str, str]]]:
    """Return network -> file -> row."""
    found: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    for row in read_rows(RESULTS):
        found[row["network"]][row["file"]] = row
    return found


def table(found: dict[str, dict[str, dict[str, str]]]) -> str:
    """Return accuracies, and what the int16 graph costs, of each network."""
    costs = ("int8 KB", "int8 ms", "kcycles 16x16", "energy 16x16", "kcycles 8x8", "energy 8x8")
    lines = [f"| network | {' | '.join((*FILES, *costs))} |", "|---" * (1 + len(FILES) + len(costs)) + "|"]
    for name, files in found.items():
        cells = [find_network(name).paper_name, *(accuracy(files[file]) for file in FILES.values())]
        small, graph = files["pruned-int8.onnx"], files[SIMULATED]
        cells += [thousands(small["bytes"]), f"{float(small['p50_ms']):.2f}"]
        for array in ("16x16", "8x8"):
            cells += [thousands(graph[f"cycles_{array}"]), f"{float(graph[f'energy_{array}']) / 1e6:.0f} M"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def accuracy(row: dict[str, str]) -> str:
    """Return the top-1 accuracy in per cent with its interval."""
    top1, low, high = (100 * float(row[key]) for key in ("top1", "top1_low", "top1_high"))
    return f"{top1:.1f} ({low:.0f}–{high:.0f})"


def thousands(number: str) -> str:
    return f"{float(number) / 1000:,.0f}"


def draw(found: dict[str, dict[str, dict[str, str]]], target: Path) -> None:
    """Draw the paper's accuracies beside ours, each over the energy of the same array."""
    figure = Figure(figsize=(13, 5.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    shown = {circle.network: circle for circle in figure7() if circle.array == "16x16" and circle.network in found}
    theirs = {name: (circle.energy, circle.top1_percent, 0.0, 0.0) for name, circle in shown.items()}
    ours = {
        name: (
            float(files[SIMULATED]["energy_16x16"]),
            *(100 * float(files["pruned.keras"][key]) for key in ("top1", "top1_low", "top1_high")),
        )
        for name, files in found.items()
    }
    panel(left, theirs, "ImageNet at 227x227: the paper's accuracies")
    panel(right, ours, "photographs of clothes at 96x96: our accuracies, 95 % intervals")
    left.set_ylabel("top-1 accuracy, %")
    for suffix in (".svg", ".png"):
        metadata = {"Date": None} if suffix == ".svg" else None
        figure.savefig(target.with_suffix(suffix), dpi=120, metadata=metadata)


def panel(axes: Axes, points: dict[str, tuple[float, float, float, float]], title: str) -> None:
    """Draw accuracy over energy; each network's energy is relative to the reference's."""
    unit = points[REFERENCE][0]
    places = np.array([(energy / unit, top1) for energy, top1, _, _ in points.values()])
    for (x, y), (_, top1, low, high) in zip(places, points.values(), strict=True):
        bars: Any = [[top1 - low], [high - top1]] if high else None
        axes.errorbar([x], [y], bars, fmt="o", color="#0072B2", ecolor="#bbbbbb", markersize=7)
    axes.set_title(title, fontsize=11)
    axes.set_xlabel("energy of one image on the 16x16 array, over 1.0-SqNxt-23v5's")
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.margins(0.12)
    place_labels(axes, [find_network(name).paper_name for name in points], places, places)


def main(page: Path) -> None:
    found = networks()
    draw(found, page.with_name("photo_networks"))
    before, _, rest = page.read_text("utf-8").partition(START)
    page.write_text(before + START + table(found) + END + rest.partition(END)[2], "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE)
