"""Pictures as they are drawn: no text leaves its picture, no axis label covers a tick label, and no label another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from sqnxt_sim import load_accelerator, simulate_workload
from sqnxt_tf.device.layer_shares import LayerShare, LayerShares
from sqnxt_tf.device.timings import Benchmark, Timing
from sqnxt_tf.evolution.lineage import Lineage, Member
from sqnxt_tf.exploration.workloads import network_workload
from sqnxt_tf.paper.figures import figure6, figure7
from sqnxt_tf.reports.benchmark_picture import draw_benchmark
from sqnxt_tf.reports.figures import write_figure
from sqnxt_tf.reports.history import draw_history
from sqnxt_tf.reports.lineage_picture import draw_lineage
from sqnxt_tf.reports.roofline import draw_roofline
from sqnxt_tf.workflows.benchmark import BenchmarkResult


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Figure]]:
    """Yield the figures that were saved."""
    figures: list[Figure] = []
    save = Figure.savefig

    def remember(figure: Figure, *args: Any, **options: Any) -> None:
        save(figure, *args, **options)
        figures.append(figure)

    monkeypatch.setattr(Figure, "savefig", remember)
    yield figures
    assert figures


def assert_nothing_overlaps(figure: Figure) -> None:
    figure.draw_without_rendering()
    whole = figure.bbox.padded(0.5)
    for axes in figure.axes:
        ticks = [box for axis in (axes.xaxis, axes.yaxis) for box in tick_boxes(axis)]
        labels = {
            text.get_text(): text.get_window_extent() for text in (axes.xaxis.label, axes.yaxis.label, axes.title)
        }
        labels = {name: box for name, box in labels.items() if name}
        for box in [*ticks, *labels.values(), *annotation_boxes(axes)]:
            assert contains(whole, box)
        for name, box in labels.items():
            assert not any(map(box.overlaps, ticks)), name
        assert_apart(annotation_boxes(axes))
    for legend in [*figure.legends, *(axes.get_legend() for axes in figure.axes)]:
        if legend is not None:
            assert contains(whole, legend.get_window_extent())


def tick_boxes(axis: Any) -> list[Bbox]:
    low, high = sorted(axis.get_view_interval())
    shown = [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [text.get_window_extent() for text in shown if text.get_text() and text.get_visible()]


def annotation_boxes(axes: Axes) -> list[Bbox]:
    return [Text.get_window_extent(text) for text in axes.texts if text.get_text()]


def assert_apart(boxes: list[Bbox]) -> None:
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)


def contains(outer: Bbox, inner: Bbox) -> bool:
    return bool(np.all(outer.min <= inner.min) and np.all(inner.max <= outer.max))


@pytest.mark.parametrize("network", ["sqnxt23_w1", "mobilenet_w1", "alexnet"])  # alexnet: three layers in one place
def test_a_roofline_numbers_its_dots_without_writing_over_a_number(
    drawn: list[Figure], tmp_path: Path, network: str
) -> None:
    report = simulate_workload(network_workload(network), load_accelerator("squeezelerator-16x16"))
    draw_roofline(report, tmp_path / "roofline.svg")
    assert_nothing_overlaps(drawn[0])
    numbers = ", ".join(text.get_text() for text in drawn[0].axes[0].texts).split(", ")
    assert sorted(map(int, numbers)) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("name", ["figure6", "figure7"])
def test_the_papers_figures(drawn: list[Figure], tmp_path: Path, name: str) -> None:
    write_figure(name, figure6() if name == "figure6" else figure7(), tmp_path)
    assert_nothing_overlaps(drawn[0])


def test_a_history(drawn: list[Figure], tmp_path: Path) -> None:
    rows = [
        {"epoch": epoch, "rate": 1e-5 / epoch, "loss": 2.0, "val_loss": 1.0, "accuracy": 0.5, "val_accuracy": 0.4}
        for epoch in (1, 2, 3)
    ]
    draw_history(rows, tmp_path / "history.png", title="digits")
    assert_nothing_overlaps(drawn[0])
    assert all(float(tick).is_integer() for tick in drawn[0].axes[0].get_xticks())


def member(name: str, parent: str | None, generation: int, megabytes: float, top1: float) -> Member:
    return Member(
        name=name, parent=parent, generation=generation, environment=1.0, filters=9, parameters=9, macs=9, energy=1.0,
        bytes=round(megabytes * 1e6), cycles=megabytes, validation=top1, top1=top1, top1_low=top1 - 0.02,
        top1_high=top1 + 0.01, sha256="",
    )  # fmt: skip


def test_a_lineage_of_several_offspring_a_generation(drawn: list[Figure], tmp_path: Path) -> None:
    members = [member("founder", None, 0, 2.9, 0.97)]
    for generation, megabytes in enumerate((2.4, 1.8, 1.3), 1):
        parent = members[-1].name
        members += [
            member(f"offspring-{generation}-{one}", parent, generation, megabytes - one / 50, 0.97 - one / 400)
            for one in range(3)
        ]
    lineage = Lineage(folder=tmp_path, settings={"accelerator": "squeezelerator-16x16"}, members=tuple(members))
    draw_lineage(lineage, tmp_path / "lineage.png")
    assert_nothing_overlaps(drawn[0])
    named = [text.get_text().partition("\n")[0] for text in drawn[0].axes[0].texts if text.get_text()]
    assert named == [one.name for one in members]


def timing(name: str) -> Timing:
    return Timing(
        path=Path(name), bytes=1, precision=None, runtime="onnxruntime", version="1", provider="CPU", options={},
        threads=1, batch=1, load_ms=1, first_ms=1, warmup=5, milliseconds=np.linspace(1, 2, 100), round_sizes=(100,),
        rss_before_load_bytes=None, peak_rss_bytes=None, tolerance=0.02,
    )  # fmt: skip


def test_benchmarks_of_files_and_of_layers(drawn: list[Figure], tmp_path: Path) -> None:
    timings = tuple(timing(f"a-model-with-quite-a-long-name-{index}.onnx") for index in range(3))
    result = BenchmarkResult(benchmark=Benchmark(timings=timings, load=None), layers=())
    draw_benchmark(result, tmp_path / "files.png")
    layers = tuple(
        LayerShare(
            name=f"stage{index}_block{index}_squeeze1", op="Conv", milliseconds=1.0, measured=share, low=share / 2,
            high=share * 2, cycles=1.0, simulated=0.2,
        )
        for index, share in enumerate((0.6, 0.3, 0.1))
    )  # fmt: skip
    shares = LayerShares(timing=timings[0], accelerator="squeezelerator-16x16", compared=layers)
    draw_benchmark(BenchmarkResult(benchmark=result.benchmark, layers=(shares, shares)), tmp_path / "layers.png")
    for figure in drawn:
        assert_nothing_overlaps(figure)
    for axes in drawn[1].axes:  # the legend stands above the layers and not on them
        legend = axes.get_legend()
        assert legend is not None
        assert not legend.get_window_extent().overlaps(axes.get_window_extent().padded(-1))
        assert not legend.get_window_extent().overlaps(axes.title.get_window_extent())
