"""Weights of .tflite files: bits and zeros, wherever and however the file stores them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.tflite_graphs import TfliteMaker, weights
from sqnxt_sim import LayerWeights, SimulatorError, read_model, read_weights
from sqnxt_sim.frontend.tflite_file import read_tflite_file
from sqnxt_sim.frontend.tflite_values import constant_values


def dense(make: TfliteMaker, kernel: str, *, kind: str = "float32", inputs: int = 4, outputs: int = 2) -> TfliteMaker:
    make.tensor("x", [1, inputs], kind, is_input=True)
    make.node("FULLY_CONNECTED", ["x", kernel, ""], [make.tensor("y", [1, outputs], kind)])
    return make


def read_one(make: TfliteMaker, folder: Path) -> LayerWeights:
    """Return the weights of the only layer, and check that the simulator sees the same."""
    path = folder / "a.tflite"
    path.write_bytes(make.to_bytes())
    (found,), (layer,) = read_weights(path), read_model(path).conv_layers
    assert (found.layer, found.bits, found.nonzero, found.count) == (
        layer.name, layer.weight_bits, layer.nonzero_weights, layer.weights,
    )  # fmt: skip
    return found


@pytest.mark.parametrize(
    ("kind", "values", "zero_points", "bits", "zeros"),
    [
        ("float32", [[0, -0.0, 1, 2], [3, 4, 5, 6]], (), None, 2),
        ("float16", [[0, 1e-7, 1, 2], [3, 4, 5, 0]], (), None, 2),
        ("int8", [[0, 1, 2, 3], [0, 5, 6, 7]], (), 8, 2),
        ("int8", [[0, 1, 2, 3], [0, 5, 6, 7]], (1, 0), 8, 2),
        ("uint8", [[128, 1, 2, 3], [128, 128, 0, 7]], (128,), 8, 3),
        ("int16", [[0, 1, 2, 3], [0, 0, 6, 7]], (), 16, 3),
    ],
)
def test_zeros_are_those_of_the_zero_point(
    kind: str, values: Any, zero_points: Any, bits: int | None, zeros: int, tmp_path: Path
) -> None:
    make = TfliteMaker()
    make.tensor("w", [2, 4], kind, values=values, zero_points=zero_points)
    found = read_one(dense(make, "w"), tmp_path)
    assert (found.bits, found.zeros, found.shape, found.tensor, found.op) == (bits, zeros, (2, 4), "w", "Gemm")


def test_four_bit_weights_are_unpacked(tmp_path: Path) -> None:
    make = TfliteMaker()
    # the first value is in the lower half of a byte: 1, 0, -1, 0, 7, -8, 0
    make.tensor("w", [1, 7], "int4", values=bytearray([0x01, 0x0F, 0x87, 0x00]))
    found = read_one(dense(make, "w", inputs=7, outputs=1), tmp_path)
    assert (found.bits, found.zeros) == (4, 3)
    (tensor,) = (t for t in read_tflite_file(tmp_path / "a.tflite").tensors if t.name == "w")
    values = constant_values(tensor)
    assert values is not None
    assert values.tolist() == [[1, 0, -1, 0, 7, -8, 0]]


@pytest.mark.parametrize("way", ["DEQUANTIZE", "CAST", "RESHAPE", "TRANSPOSE", "DENSIFY"])
def test_weights_behind_other_operators(way: str, tmp_path: Path) -> None:
    make = TfliteMaker()
    kind = {"DEQUANTIZE": "float16", "CAST": "int8"}.get(way, "float32")
    shape = {"RESHAPE": [8], "TRANSPOSE": [4, 2]}.get(way, [2, 4])
    make.tensor("stored", shape, kind, values=weights([8], {(0,): 0, (3,): 0}).reshape(shape))
    make.tensor("order", [2], "int32", values=[1, 0])
    make.tensor("w", [2, 4])
    make.node(way, ["stored", "order"] if way in ("RESHAPE", "TRANSPOSE") else ["stored"], ["w"])
    found = read_one(dense(make, "w"), tmp_path)
    assert (found.zeros, found.tensor, found.bits) == (2, "stored", 8 if way == "CAST" else None)


def blocks(values: np.ndarray[Any, Any]) -> TfliteMaker:
    """A 4x8 matrix in blocks of 1x4, of which only those are stored that are not zero."""
    make = TfliteMaker()
    grid = values.reshape(4, 2, 4)
    stored = [(row, column) for row in range(4) for column in range(2) if grid[row, column].any()]
    segments = np.cumsum([0, *(sum(row == place for place, _ in stored) for row in range(4))])
    make.tensor("w", [4, 8], values=[grid[place] for place in stored])
    make.sparsity("w", [0, 1, 2], [1], [4, (segments.tolist(), [column for _, column in stored]), 4])
    return make


def test_sparse_tensors_are_read(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(4, 2, 4)).astype(np.float32)
    values[[0, 1, 3], [1, 0, 0]] = 0
    values[2, 1, 2] = 0
    found = read_one(dense(blocks(values.reshape(4, 8)), "w", inputs=8, outputs=4), tmp_path)
    assert (found.count, found.zeros) == (32, 13)
    tensor = next(t for t in read_tflite_file(tmp_path / "a.tflite").tensors if t.name == "w")
    np.testing.assert_array_equal(constant_values(tensor), values.reshape(4, 8))


def test_kernels_are_multiplied_at_the_width_of_the_kernels_of_litert(tmp_path: Path) -> None:
    make = TfliteMaker()
    make.tensor("w", [2, 4], "int8", values=np.ones((2, 4)))
    path = tmp_path / "a.tflite"
    path.write_bytes(dense(make, "w").to_bytes())
    (layer,) = read_model(path).conv_layers
    assert (layer.weight_bits, layer.activation_bits) == (8, 8)  # LiteRT quantises the float input first
    make = TfliteMaker()
    make.tensor("w", [2, 4], "int8", values=np.ones((2, 4)))
    path.write_bytes(dense(make, "w", kind="int16").to_bytes())
    (layer,) = read_model(path).conv_layers
    assert (layer.weight_bits, layer.activation_bits) == (8, 16)


def test_shared_weights_are_listed_twice_and_biases_never(tmp_path: Path) -> None:
    make = TfliteMaker()
    make.tensor("w", [4, 4], values=weights([4, 4]))
    make.tensor("bias", [4], values=weights([4]))
    make.tensor("slopes", [1, 4], values=weights([1, 4]))
    make.tensor("x", [1, 4], is_input=True)
    for number in range(2):
        source = f"y{number - 1}" if number else "x"
        make.node("FULLY_CONNECTED", [source, "w", "bias"], [make.tensor(f"y{number}", [1, 4])])
    make.node("PRELU", ["y1", "slopes"], [make.tensor("z", [1, 4])])
    path = tmp_path / "a.tflite"
    path.write_bytes(make.to_bytes())
    assert [(found.layer, found.tensor, found.count) for found in read_weights(path)] == [
        ("y0", "w", 16),
        ("y1", "w", 16),
    ]


def test_bytes_that_do_not_fit_the_shape_are_refused(tmp_path: Path) -> None:
    make = TfliteMaker()
    make.tensor("w", [2, 4], values=weights([7]))
    path = tmp_path / "a.tflite"
    path.write_bytes(dense(make, "w").to_bytes())
    for read in (read_weights, read_model):
        with pytest.raises(SimulatorError, match=r"damaged \(tensor 'w' has 7 values in the shape \[2, 4\]"):
            read(path)
