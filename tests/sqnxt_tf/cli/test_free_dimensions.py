"""`--dim` fixes what a graph leaves free, in every verb that simulates; errors name the dimension and the option."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from onnx import helper

from helpers.onnx_graphs import save_graph
from sqnxt_tf.cli.value_types import Dimension


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    """A matrix product over a sequence of any length."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"], "fc")
    shapes = {"x": ["n", "seq", 5]}, {"y": ["n", "seq", 7]}
    return save_graph(tmp_path / "sequence.onnx", [node], *shapes, {"w": np.ones((5, 7), np.float32)})


def test_every_verb_takes_it_and_names_it(cli: Any, sequence: Path, tmp_path: Path) -> None:
    line = cli("simulate", sequence, "--batch", 1).error_line()
    assert "has a dynamic shape (axis 1 'seq'); fix it with --input-size (a length) or --dim (seq=N)" in line
    sizes = ["--batch", 1, "--dim", "seq=9"]
    assert cli("simulate", sequence, "--dim", "x:0=2", "--dim", "seq=9", "--json").json()["total"]["macs"] == 630
    assert cli("compare", sequence, sequence, *sizes, "--json").json()["first"]["model"] == "sequence.onnx"
    page = tmp_path / "page.html"
    assert cli("report", sequence, *sizes, "-o", page).code == 0
    assert page.exists()


@pytest.mark.parametrize("value", ["seq", "=3", "seq=x", "seq=", "seq=-1", "seq=12345678901"])
def test_what_is_not_a_dimension(value: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a dimension: give NAME=N, as in seq=128"):
        Dimension().convert(value, None, None)
    assert Dimension().convert("a=b=3", None, None) == ("a=b", 3)


@pytest.mark.parametrize("size", [0, 17])
def test_a_size_out_of_range(size: int) -> None:
    with pytest.raises(click.BadParameter, match="is not a dimension"):
        Dimension(1, 16).convert(f"seq={size}", None, None)
    assert Dimension(1, 16).convert("seq=16", None, None) == ("seq", 16)
