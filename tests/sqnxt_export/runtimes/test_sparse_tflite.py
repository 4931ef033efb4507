"""Sparse tensors are read as LiteRT makes them dense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.tflite_graphs import TfliteMaker
from sqnxt_sim.frontend.tflite_file import read_tflite_file
from sqnxt_sim.frontend.tflite_values import constant_values


@pytest.mark.parametrize("block", [1, 4])
def test_sparse_tensors_are_those_of_litert(block: int, tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    rng = np.random.default_rng(block)
    grid = rng.normal(size=(6, 8 // block, block)).astype(np.float32) * (rng.random((6, 8 // block, 1)) < 0.4)
    stored = [(row, column) for row in range(6) for column in range(8 // block) if grid[row, column].any()]
    segments = np.cumsum([0, *(sum(row == place for place, _ in stored) for row in range(6))])
    make = TfliteMaker()
    make.tensor("x", [6, 8], is_input=True)
    make.tensor("sparse", [6, 8], values=[grid[place] for place in stored])
    columns = (segments.tolist(), [column for _, column in stored])
    if block == 1:
        make.sparsity("sparse", [0, 1], [], [6, columns])
    else:
        make.sparsity("sparse", [0, 1, 2], [1], [6, columns, block])
    make.node("DENSIFY", ["sparse"], [make.tensor("dense", [6, 8])], options="DensifyOptions")
    make.node("ADD", ["x", "dense"], [make.tensor("sum", [6, 8])], options="AddOptions")
    path = tmp_path / "a.tflite"
    path.write_bytes(make.to_bytes())
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.zeros((6, 8), np.float32))
    interpreter.invoke()
    read = constant_values(next(t for t in read_tflite_file(path).tensors if t.name == "sparse"))
    np.testing.assert_array_equal(read, interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    np.testing.assert_array_equal(read, grid.reshape(6, 8))
