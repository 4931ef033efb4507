"""The verbs that simulate take .tflite files, in the same run as .onnx files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from helpers.commands import Answer
from helpers.onnx_graphs import make_onnx
from helpers.tflite_graphs import TfliteMaker, weights
from sqnxt_tf import inspect, simulate, write_report


@pytest.fixture
def both(tmp_path: Path) -> tuple[str, str]:
    """Write one convolution with 1 of 108 weights zero in both formats, in the folder where the verbs run."""
    kernel = weights([4, 3, 3, 3], {(0, 0, 0, 0): 0})
    make = TfliteMaker()
    image = make.tensor("image", [1, 8, 8, 3], is_input=True)
    make.tensor("net/conv/Conv2D", [4, 3, 3, 3], values=kernel)
    make.tensor("out", [1, 8, 8, 4])
    make.node("CONV_2D", [image, "net/conv/Conv2D"], ["out"], options="Conv2DOptions", padding=0, strideH=1, strideW=1)
    (tmp_path / "a.tflite").write_bytes(make.to_bytes())
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], name="conv", pads=[1, 1, 1, 1])
    stored = np.ascontiguousarray(kernel.transpose(0, 3, 1, 2))
    onnx.save(make_onnx([node], [1, 3, 8, 8], [("w", stored)]), tmp_path / "a.onnx")
    return "a.onnx", "a.tflite"


def test_both_formats_cost_the_same(cli: Callable[..., Answer], both: tuple[str, str], tmp_path: Path) -> None:
    first, second = (simulate(tmp_path / file).to_json() for file in both)
    assert first["layers"] == second["layers"]
    assert first["total"] == second["total"]
    compared = cli("compare", *both, "--json").json()
    assert compared["total"]["cycles"][0] == compared["total"]["cycles"][1] == first["total"]["cycles"]
    assert [layer["changed"] for layer in compared["layers"]] == [[]]


def test_a_budget_and_a_page(cli: Callable[..., Answer], both: tuple[str, str], tmp_path: Path) -> None:
    exceeded = cli("simulate", "a.tflite", "--max-cycles", "1")
    assert exceeded.code == 1
    assert exceeded.err.startswith("error: a.tflite: time of")
    page = write_report([tmp_path / file for file in both], tmp_path / "page.html")
    assert [study.name for study in page.studies] == [*both]


def test_inspect_counts_what_simulate_counts(both: tuple[str, str], tmp_path: Path) -> None:
    for file in both:
        found = inspect(tmp_path / file)
        assert found.layers == {"conv": (1, 108)}
        assert found.nonzero_fraction == pytest.approx(107 / 108)


def test_a_damaged_file_ends_in_one_line(cli: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes(b"\0\0\0\0TFL3")
    assert "a.tflite: cut short or damaged" in cli("simulate", "a.tflite").error_line()
