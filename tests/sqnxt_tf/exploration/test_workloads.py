"""Layer rows have the costs of the exported graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.golden import read_golden
from helpers.repository import ROOT
from sqnxt_sim import ConvLayer, load_accelerator, read_onnx, simulate_workload
from sqnxt_tf.exploration.workloads import network_workload
from sqnxt_tf.networks.registry import networks
from sqnxt_tf.networks.summaries import summarise

REFERENCE = ROOT / "tests" / "sqnxt_sim" / "data" / "model2_table3.csv"
SIZE = 75  # pixels, odd: padding and pooling are asymmetric somewhere in every network
FAST = {"sqnxt23v5_w1", "sqnxt23g_w1", "squeezenet_v1_1", "mobilenet_w1", "alexnet"}
# Points of SqueezeNet's space: every value of each of its dimensions, and steps of other lengths.
SQUEEZENETS = (
    "squeezenet_v1-1_sr1_t1d100_e64_i128_f2_complex",
    "squeezenet_v1-0_sr3d4_t99d100_e128_i64_f2_simple",
    "squeezenet_v1-1_sr1d2_t3d4_e64_i64_f4_simple",
    "squeezenet_v1-0_sr1d4_t1d4_e128_i128_f1_complex",
    "squeezenet_v1-1_sr1d8_t1d2_e64_i0_f8_complex",
)
SHAPE = (
    "name", "op", "in_channels", "out_channels", "in_height", "in_width", "out_height", "out_width", "kernel_height",
    "kernel_width", "stride_height", "stride_width", "pad_top", "pad_left", "pad_bottom", "pad_right", "groups",
)  # fmt: skip


def shapes(layers: tuple[ConvLayer, ...]) -> dict[str, list[object]]:
    return {layer.name: [getattr(layer, field) for field in SHAPE] for layer in layers}


@pytest.mark.parametrize(
    "name",
    [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in (*networks(), *SQUEEZENETS)],
)
def test_rows_and_exported_graph_ask_the_same_of_an_accelerator(name: str, tmp_path: Path) -> None:
    from sqnxt_export import to_onnx
    from sqnxt_tf.networks.keras_ops import build

    graph = to_onnx(build(name, classes=10, input_size=SIZE))
    (tmp_path / "graph.onnx").write_bytes(graph.SerializeToString())
    exported = read_onnx(tmp_path / "graph.onnx")
    from_rows = network_workload(name, classes=10, input_size=SIZE)
    # both count float32 maps from the layer that writes them to the last that reads them
    peak = max(entry.bytes_at(32) for entry in exported.live)
    assert peak == summarise(name, classes=10, input_size=SIZE).peak_activation_bytes
    assert from_rows.input_shapes == exported.input_shapes
    assert shapes(from_rows.conv_layers) == shapes(exported.conv_layers)
    # the third array has a vector unit, which pools, adds and concatenates
    for accelerator in map(load_accelerator, ("squeezelerator-8x8", "squeezelerator-16x16", "edge-npu-8bit")):
        ours, theirs = (simulate_workload(workload, accelerator, sparsity=0.4) for workload in (from_rows, exported))
        # the graph's order of parallel branches may differ, and with it the last bit of a sum
        assert ours.cycles == pytest.approx(theirs.cycles, rel=1e-12)
        assert ours.energy.total == pytest.approx(theirs.energy.total, rel=1e-12)
        assert ours.macs == theirs.macs
        assert [cost.cycles for cost in ours.on_vector_unit] == [cost.cycles for cost in theirs.on_vector_unit]


@pytest.mark.parametrize("size", ["8x8", "16x16"])
@pytest.mark.parametrize("row", read_golden(REFERENCE), ids=lambda row: row["model"])
def test_rows_reach_the_reference_cycles_of_table_3(row: dict[str, str], size: str) -> None:
    """Totals of a second implementation of the model, as in tests/sqnxt_sim, at the paper's 40 % of zeros."""
    workload = network_workload(row["model"])
    report = simulate_workload(workload, load_accelerator(f"squeezelerator-{size}"), sparsity=0.4)
    assert report.cycles == pytest.approx(float(row[f"cycles_{size}"]), rel=1e-6)
