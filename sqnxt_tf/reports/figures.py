"""The paper's Figures 6 and 7 as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnxt_base.csv_text import csv_text
from sqnxt_export import whole_file
from sqnxt_export.artifact.files import check_output
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.output_folder import check_can_create
from sqnxt_tf.reports.picture_files import require_drawing_library

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sqnxt_tf.paper.figures import Figure6Bar, Figure7Circle, LayerGroup

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00")  # Okabe and Ito's, for colour-blind eyes too
_FAMILIES = {"SqueezeNext": "#0072B2", "SqueezeNet": "#D55E00", "MobileNet": "#009E73", "Tiny Darknet": "#CC79A7"}
_SIDES = {
    **dict.fromkeys(
        ("sqnxt23v2_w1", "sqnxt23v3_w1", "sqnxt34ida_w1", "sqnxt23_w3d2", "sqnxt23v5_w2",
         "sqnxt23v4_w2", "sqnxt34_w2", "sqnxt44_w2"), "left",
    ),
    **dict.fromkeys(("sqnxt23v5_w1", "mobilenet_w1"), "above"),
    "sqnxt23_w1": "above right",
    "sqnxt23v4_w1": "far left",  # between the two stands the circle of v5
    **dict.fromkeys(("sqnxt23_w2", "sqnxt23g_w1"), "below right"),
}  # fmt: skip
"""The side of a circle in Figure 7 on which its name stands, if not the right one."""
_SUFFIXES = (".png", ".svg", ".csv")
_BARS_WIDE = 0.86  # of the room of a group


def write_figure(
    name: str, rows: Sequence[Figure6Bar] | Sequence[Figure7Circle], folder: Path, *, force: bool = False
) -> tuple[Path, ...]:
    """Write `figure6` or `figure7` as PNG, SVG and CSV, and return their paths. The folder is created if necessary.

    Raises:
        SqnxtError: A file has the folder's name, it cannot be created, or matplotlib is not installed.
        ExportError: A file exists and `force` is not set, or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise SqnxtError(folder, "is a file", "give the name of a folder")
    check_can_create(folder)
    require_drawing_library()
    folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / f"{name}{suffix}" for suffix in _SUFFIXES)
    for path in paths:
        check_output(path, force=force)
    import matplotlib
    from matplotlib.figure import Figure

    # Text stays text, and an SVG of the same data is the same file: no random ids, no date.
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure = Figure(figsize=(15, 9.5) if name == "figure6" else (14, 6.6), layout="constrained")
        draw: Any = _draw_figure6 if name == "figure6" else _draw_figure7
        draw(figure, rows)
        for path in paths[:2]:
            with whole_file(path, force=force) as temporary:
                figure.savefig(temporary, dpi=160, metadata={"Date": None} if path.suffix == ".svg" else None)
    with whole_file(paths[2], force=force) as temporary:
        table = [row.to_json() for row in rows]
        temporary.write_text(csv_text(table, list(table[0])), "utf-8", newline="\n")
    return paths


def _draw_figure6(figure: Figure, bars: Sequence[Figure6Bar]) -> None:
    groups = sorted({bar.group for bar in bars})
    upper, lower = figure.subplots(2, 1, sharex=True)
    for axes, array in ((upper, "16x16"), (lower, "8x8")):
        _draw_array(axes, [bar for bar in bars if bar.array == array], groups, array)
    lower.set_xticks(
        range(len(groups)),
        [group.label for group in groups],
        rotation=55,
        fontsize=9,
        ha="right",
        rotation_mode="anchor",
    )
    _name_stages(lower, groups)


def _draw_array(axes: Axes, bars: Sequence[Figure6Bar], groups: list[LayerGroup], array: str) -> None:
    """Draw one panel: a bar a variant in each group, and the MACs a cycle of the baseline."""
    from sqnxt_tf.networks.registry import find_network

    networks = list(dict.fromkeys(bar.network for bar in bars))
    width = _BARS_WIDE / len(networks)
    for order, (network, colour) in enumerate(zip(networks, COLOURS, strict=True)):
        mine = {bar.group: bar for bar in bars if bar.network == network}
        total = sum(bar.cycles for bar in mine.values())
        axes.bar(
            [groups.index(group) + (order - (len(networks) - 1) / 2) * width for group in mine],
            [bar.cycles / 1e3 for bar in mine.values()],
            width,
            color=colour,
            label=f"{find_network(network).paper_name}: {total / 1e6:.2f} M",
        )
    baseline = {bar.group: bar.macs_per_cycle for bar in bars if bar.network == networks[0]}
    right = axes.twinx()
    rows, cols = map(int, array.split("x"))
    right.plot(
        [groups.index(group) for group in baseline],
        list(baseline.values()),
        color="black", linestyle=":", marker=".", linewidth=1.4,
    )  # fmt: skip
    axes.plot([], [], color="black", linestyle=":", marker=".", label="MACs a cycle, 1.0-SqNxt-23")
    right.set_ylim(0, 1.08 * max(baseline.values()))
    right.set_ylabel("MACs a cycle, skipped zeros included")
    right.axhline(rows * cols, color="black", linewidth=0.8, alpha=0.5)
    right.annotate(f"{rows * cols} PEs", (len(groups) - 0.4, rows * cols), ha="right", va="bottom", fontsize=8)
    axes.set_ylabel("kcycles, layers of one configuration summed")
    axes.set_title(f"{array} PE array", loc="left", fontweight="bold")
    axes.set_ylim(0, 1.05 * max(bar.cycles for bar in bars) / 1e3)
    axes.set_xlim(-0.7, len(groups) - 0.3)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=6,
        fontsize=9,
        columnspacing=1.2,
        frameon=False,
        borderaxespad=0.1,
    )
    for left, end in _spans(groups).values():
        for edge in (left - 0.5, end + 0.5):
            axes.axvline(edge, color="black", alpha=0.15, linewidth=0.8)


def _spans(groups: list[LayerGroup]) -> dict[str, tuple[int, int]]:
    """Return the first and the last place of each of the four stages."""
    spans: dict[str, tuple[int, int]] = {}
    for place, group in enumerate(groups):
        if group.stage.startswith("stage"):
            spans[group.stage] = (spans.get(group.stage, (place, place))[0], place)
    return spans


def _name_stages(axes: Axes, groups: list[LayerGroup]) -> None:
    for stage, (left, right) in _spans(groups).items():
        axes.annotate(
            f"stage {stage[-1]}", ((left + right) / 2, -0.36), xycoords=("data", "axes fraction"),
            ha="center", va="top", fontsize=10, fontweight="bold",
        )  # fmt: skip


def _draw_figure7(figure: Figure, circles: Sequence[Figure7Circle]) -> None:
    shown = [circle for circle in circles if circle.array == "16x16"]
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, quantity, label in (
        (left, "energy", "energy of one image on the 16x16 array, 10⁹ MACs"),
        (right, "time", "time of one image on the 16x16 array, over 1.0-SqNxt-23v5's"),
    ):
        _draw_quantity(axes, shown, quantity)
        axes.set_xlabel(label)
        axes.margins(x=0.08, y=0.06)
        axes.set_xlim(left=0)
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
    left.set_ylabel("ImageNet top-1 accuracy, %: the paper's")
    for family, colour in _FAMILIES.items():
        left.scatter([], [], s=90, color=colour, alpha=0.6, label=family)
    left.scatter([], [], marker="+", color="black", label="the paper's own figure (Table 3)")
    left.legend(loc="lower right", fontsize=9)
    right.scatter([], [], s=_circle_area(1e6), color="grey", alpha=0.6, label="1 M parameters")
    right.scatter([], [], s=_circle_area(4e6), color="grey", alpha=0.6, label="4 M parameters")
    right.legend(loc="lower right", fontsize=9, labelspacing=1.2, borderpad=1)


def _draw_quantity(axes: Axes, circles: Sequence[Figure7Circle], quantity: str) -> None:
    unit = 1e9 if quantity == "energy" else 1.0
    for circle in circles:
        x, y = getattr(circle, quantity) / unit, circle.top1_percent
        colour = _FAMILIES[circle.family]
        axes.scatter([x], [y], s=_circle_area(circle.params), color=colour, alpha=0.6, linewidths=0)
        theirs = getattr(circle, f"paper_{quantity}")
        if theirs is not None:
            axes.scatter([theirs / unit], [y], marker="+", s=30, color="black", linewidths=0.9)
        _name_circle(axes, circle, (x, y))


def _name_circle(axes: Axes, circle: Figure7Circle, place: tuple[float, float]) -> None:
    """Write the name beside its circle, on the side where no other circle is."""
    radius = (_circle_area(circle.params) / 3.14) ** 0.5
    side = _SIDES.get(circle.network, "right")
    offset, across, along = {
        "right": ((radius + 2, 0), "left", "center"),
        "left": ((-radius - 2, 0), "right", "center"),
        "far left": ((-radius - 16, -2), "right", "center"),
        "above": ((0, radius + 1), "center", "bottom"),
        "above right": ((radius / 2, radius), "left", "bottom"),
        "below right": ((radius * 0.9, -radius * 1.1), "left", "center"),
    }[side]
    axes.annotate(circle.paper_name, place, offset, textcoords="offset points", ha=across, va=along, fontsize=8)


def _circle_area(params: float) -> float:
    """Return the area in points squared, which is proportional to the square root of the model's size, as in the paper.

    A model of 1 M parameters gets 250 points squared, one of 4 M twice as much.
    """
    return 0.25 * sqrt(params)
