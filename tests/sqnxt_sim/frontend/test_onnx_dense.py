"""Matrix products become layers."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from onnx.helper import make_node

from helpers.onnx_graphs import floats
from sqnxt_sim import OffArrayReason, load_accelerator, simulate_workload

ACCELERATOR = load_accelerator("squeezelerator-8x8")


@pytest.mark.parametrize(("transpose_a", "transpose_b"), product((0, 1), repeat=2))
def test_gemm(onnx_model: Any, read: Any, transpose_a: int, transpose_b: int) -> None:
    weights = floats(7, 5) if transpose_b else floats(5, 7)
    node = make_node("Gemm", ["x", "w"], ["y"], name="fc", transA=transpose_a, transB=transpose_b)
    (layer,) = read(onnx_model([node], [5, 3] if transpose_a else [3, 5], [("w", weights)], output_rank=2)).layers
    assert (layer.op, layer.in_channels, layer.out_channels, layer.batch, layer.macs) == ("Gemm", 5, 7, 3, 105)
    assert (layer.kernel_height, layer.kernel_width, layer.in_height, layer.in_width) == (1, 1, 1, 1)


def test_matmul_over_a_sequence_shares_its_weights(onnx_model: Any, read: Any) -> None:
    (layer,) = read(
        onnx_model([make_node("MatMul", ["x", "w"], ["y"])], [2, 9, 5], [("w", floats(5, 7))], output_rank=3)
    ).layers
    assert (layer.batch, layer.in_width, layer.macs) == (2, 9, 2 * 9 * 5 * 7)


def test_matmul_of_activations_has_no_model(onnx_model: Any, read: Any) -> None:
    workload = read(onnx_model([make_node("MatMul", ["x", "x"], ["y"])], [4, 4], output_rank=2))
    report = simulate_workload(workload, ACCELERATOR)
    assert workload.layers[0].why is OffArrayReason.NO_MODEL
    assert not report.to_json()["complete"]
    assert "MatMul" in report.notes[0]


@pytest.mark.parametrize(
    ("data", "weights", "places"), [([5], (5, 7), 1), ([2, 9, 5], (1, 5, 7), 18), ([2, 3, 4, 5], (5, 7), 24)]
)
def test_matmul_of_other_ranks(
    onnx_model: Any, read: Any, data: list[int], weights: tuple[int, ...], places: int
) -> None:
    rank = max(len(data), len(weights)) - (len(data) == 1)
    nodes = [make_node("MatMul", ["x", "w"], ["y"])]
    (layer,) = read(onnx_model(nodes, data, [("w", floats(*weights))], output_rank=rank)).layers
    assert (layer.in_channels, layer.out_channels, layer.macs) == (5, 7, places * 35)


@pytest.mark.parametrize(("a", "b"), product((0, 1), repeat=2))
def test_a_fused_product_transposes_the_last_two_axes(onnx_model: Any, read: Any, a: int, b: int) -> None:
    node = make_node("FusedMatMul", ["x", "w"], ["y"], domain="com.microsoft", transA=a, transB=b)
    data, weights = [2, 5, 3] if a else [2, 3, 5], floats(7, 5) if b else floats(5, 7)
    (layer,) = read(onnx_model([node], data, [("w", weights)], output_rank=3, domains=["com.microsoft"])).layers
    assert (layer.batch, layer.in_width, layer.in_channels, layer.out_channels) == (2, 3, 5, 7)
