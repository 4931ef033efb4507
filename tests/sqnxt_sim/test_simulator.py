"""The report and its JSON, the options of `simulate_workload`, and the parts of a network's total."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sqnxt_sim import (
    IDEALISATIONS,
    PRECISIONS,
    ConvLayer,
    Dataflow,
    OffArrayNode,
    OffArrayReason,
    SimulatorError,
    Workload,
    load_accelerator,
    parse_layer,
    simulate_workload,
)
from sqnxt_sim.machine.dataflows import TILED

ACCELERATOR = load_accelerator("squeezelerator-8x8")
LAYER = ConvLayer(
    name="conv", in_channels=16, out_channels=32, in_height=14, in_width=14, kernel_height=3, kernel_width=3,
    pad_top=1, pad_left=1, pad_bottom=1, pad_right=1,
)  # fmt: skip
POOL = OffArrayNode(name="pool", op="MaxPool", why=OffArrayReason.NOT_COSTED, reason="left out")
WORKLOAD = Workload(name="net.onnx", layers=(LAYER, POOL, replace(LAYER, name="sparse", nonzero_weights=1000)))


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(json.dumps(simulate_workload(WORKLOAD, ACCELERATOR).to_json()))


def test_the_contract_of_the_document(document: dict[str, Any]) -> None:
    assert {"model", "accelerator", "clock_hz", "total", "layers"} <= set(document)
    total = "cycles time_ms energy macs dram_bytes efficiency_macs_per_cycle"
    assert set(total.split()) <= set(document["total"])
    row = (
        "name op dataflow cycles energy macs weight_bits activation_bits weight_sparsity dram_bytes tiling rejected "
        "bound_by costed"
    )
    for layer in document["layers"]:
        assert set(row.split()) <= set(layer)
    assert (document["model"], document["accelerator"]) == ("net.onnx", "squeezelerator-8x8")


def test_rows_of_the_document(document: dict[str, Any]) -> None:
    conv, pool, sparse = document["layers"]
    assert conv["costed"]
    assert set(conv["tiling"]) == {"rows", "cols", "in_channels", "out_channels"}
    assert {"dataflow", "cycles", "energy"} <= set(conv["rejected"])
    assert {conv["dataflow"], conv["rejected"]["dataflow"]} == {"weight_stationary", "output_stationary"}
    assert conv["cycles"] <= conv["rejected"]["cycles"]
    assert conv["weight_sparsity"] == 0
    assert sparse["weight_sparsity"] == pytest.approx(1 - 1000 / LAYER.weights)
    assert pool["costed"] is False
    assert set(pool) == set(conv)
    assert {key for key, value in pool.items() if value} == {"name", "op", "status", "reason"}
    for key in ("cycles", "energy", "macs", "dram_bytes"):  # rows sum to the total
        assert sum(row[key] for row in document["layers"]) == pytest.approx(document["total"][key])


def test_rows_have_the_shapes_of_their_layers() -> None:
    tall = parse_layer("15x14x16,3x1x32,stride=2,groups=4")
    uneven = replace(tall, stride_width=1)
    rows = simulate_workload(Workload(name="two", layers=(tall, uneven)), ACCELERATOR).to_json()["layers"]
    assert [{key: row[key] for key in ("in_shape", "out_shape", "kernel", "stride", "groups")} for row in rows] == [
        {"in_shape": [15, 14, 16], "out_shape": [8, 7, 32], "kernel": [3, 1], "stride": 2, "groups": 4},
        {"in_shape": [15, 14, 16], "out_shape": [8, 14, 32], "kernel": [3, 1], "stride": [2, 1], "groups": 4},
    ]


def test_an_accelerator_may_be_named() -> None:
    assert simulate_workload(WORKLOAD, "squeezelerator-8x8") == simulate_workload(WORKLOAD, ACCELERATOR)


@pytest.mark.parametrize(
    ("workload", "accelerator", "fault"),
    [
        (
            "net.onnx",
            ACCELERATOR,
            "workload 'net.onnx': is of type str; read a file with `read_model`, or make a",
        ),
        (WORKLOAD, 8, "accelerator 8: is of type int; give a preset's name, a .toml file, or an Accelerator"),
        (WORKLOAD, None, "accelerator None: is of type NoneType; give a preset's name"),
        (WORKLOAD, "tpu", "accelerator 'tpu': is not known; use one of"),
    ],
)
def test_other_types_are_refused(workload: Any, accelerator: Any, fault: str) -> None:
    with pytest.raises(SimulatorError) as error:
        simulate_workload(workload, accelerator)
    assert str(error.value).startswith(fault)


def test_total_is_the_sum_of_the_layers(document: dict[str, Any]) -> None:
    rows = [row for row in document["layers"] if row["costed"]]
    for key in ("cycles", "energy", "macs", "dram_bytes"):
        assert document["total"][key] == pytest.approx(sum(row[key] for row in rows))
    assert document["total"]["time_ms"] == pytest.approx(document["total"]["cycles"] / document["clock_hz"] * 1e3)
    parts = document["total"]["energy_by_part"]
    assert sum(parts.values()) == pytest.approx(document["total"]["energy"])
    for row in rows:
        part = row["cycles_by_part"]
        overlapping = max(part["array"] - part["last_tile"], part["dram_bandwidth"] + part["dram_latency"])
        assert part["fill_drain"] + overlapping + part["last_tile"] == pytest.approx(row["cycles"])
        assert 0 < part["array_fill_drain"] < part["array"]
        assert part["overhead"] == 0
        assert 0 < row["utilisation"] <= 1


@pytest.mark.parametrize("dataflow", TILED)
def test_a_dataflow_can_be_imposed(dataflow: Dataflow) -> None:
    report = simulate_workload(WORKLOAD, ACCELERATOR, dataflow=dataflow)
    assert {layer.chosen.dataflow for layer in report.costed} == {dataflow}
    assert {layer.rejected.dataflow for layer in report.costed} == set(TILED) - {dataflow}
    assert report.cycles >= simulate_workload(WORKLOAD, ACCELERATOR).cycles
    assert report == simulate_workload(WORKLOAD, ACCELERATOR, dataflow=str(dataflow).replace("_", "-"))


def test_sparsity_overrides_the_zeros_that_were_counted() -> None:
    report = simulate_workload(WORKLOAD, ACCELERATOR, sparsity=0.4)
    assert [layer.weight_sparsity for layer in report.costed] == pytest.approx([0.4, 0.4])
    first, second = report.costed
    assert first.cycles == second.cycles


def test_zeros_save_nothing_in_weight_stationary() -> None:
    dense, sparse = simulate_workload(WORKLOAD, ACCELERATOR, dataflow=Dataflow.WEIGHT_STATIONARY).costed
    assert (dense.cycles, dense.energy) == (sparse.cycles, sparse.energy)


def test_zeros_save_time_and_energy_in_output_stationary() -> None:
    dense, sparse = simulate_workload(WORKLOAD, ACCELERATOR, dataflow=Dataflow.OUTPUT_STATIONARY).costed
    assert sparse.cycles < dense.cycles
    assert sparse.energy.mac == pytest.approx(dense.energy.mac * 1000 / LAYER.weights)
    assert sparse.dram_bytes <= dense.dram_bytes - 2 * (LAYER.weights - 1000)


def test_bits_scale_traffic_and_energy() -> None:
    """Half the bits with the same tiles take half the DRAM traffic and a quarter of the multiplier energy."""
    native, int16, int8 = (
        simulate_workload(WORKLOAD, ACCELERATOR, precision=p).costed[0] for p in (None, "int16", "int8")
    )
    assert native.cycles == int16.cycles
    assert native.energy == int16.energy
    assert int8.dram_bytes <= int16.dram_bytes / 2
    assert int8.energy.mac / int8.chosen.executed_macs == pytest.approx(1 / 4)
    assert int8.energy.dram <= int16.energy.dram / 2


def test_mixed_precision_scales_each_tensor_by_its_own_width() -> None:
    fully = replace(LAYER, in_height=1, in_width=1, kernel_height=1, kernel_width=1, **dict.fromkeys(
        ("pad_top", "pad_left", "pad_bottom", "pad_right"), 0))  # fmt: skip
    report = simulate_workload(Workload(name="fc", layers=(fully,)), ACCELERATOR, precision="int16x8")
    assert report.dram_bytes == 16 * 2 + 16 * 32 * 1 + 32 * 2


def test_a_layer_under_assumptions_is_a_copy_that_differs_in_them_only() -> None:
    layer = replace(LAYER, op="Gemm", stride_height=2, batch=3)
    changes = {"activation_bits": 8, "weight_bits": 4, "nonzero_weights": 7.5}
    assert layer.assuming(**changes) == replace(layer, **changes)
    assert layer.weight_bits is None


@pytest.mark.parametrize("precision", PRECISIONS)
def test_precisions_are_reported(precision: str) -> None:
    row = simulate_workload(WORKLOAD, ACCELERATOR, precision=precision).to_json()["layers"][0]
    assert (row["activation_bits"], row["weight_bits"]) == PRECISIONS[precision]


@pytest.mark.parametrize(
    "options",
    [{"sparsity": -0.1}, {"sparsity": 1.1}, {"sparsity": float("nan")}, {"precision": "int3"}, {"dataflow": "row"}],
)
def test_options_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(SimulatorError, match=f"^{next(iter(options))} .*: is .*; "):
        simulate_workload(WORKLOAD, ACCELERATOR, **options)


def test_all_zero_weights() -> None:
    report = simulate_workload(WORKLOAD, ACCELERATOR, sparsity=1)
    assert report.cycles > 0


def test_an_empty_network() -> None:
    report = simulate_workload(Workload(name="empty", layers=(POOL,)), ACCELERATOR)
    assert report.to_json()["total"]["cycles"] == 0
    assert report.to_json()["total"]["efficiency_macs_per_cycle"] == 0


def test_picojoules_where_the_accelerator_has_them() -> None:
    energy = replace(ACCELERATOR.energy, mac_pj=0.5)
    total = simulate_workload(WORKLOAD, replace(ACCELERATOR, energy=energy)).to_json()["total"]
    assert total["energy_pj"] == total["energy"] / 2


def test_layers_that_differ_in_name_only_cost_the_same() -> None:
    report = simulate_workload(Workload(name="twins", layers=(LAYER, replace(LAYER, name="twin"))), ACCELERATOR)
    first, second = report.costed
    assert first.chosen is second.chosen
    assert second.layer.name == "twin"


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"in_channels": 0}, "in_channels is 0"),
        ({"stride_height": -1}, "stride_height is -1"),
        ({"in_height": 2**40}, "in_height"),
        ({"groups": 3}, "3 groups do not divide"),
        ({"kernel_height": 20}, "larger than its padded 14x14 input"),
        ({"nonzero_weights": 10**9}, "nonzero_weights"),
    ],
)
def test_layers_that_cannot_be(fields: dict[str, int], fault: str) -> None:
    with pytest.raises(SimulatorError, match=fault):
        replace(LAYER, **fields)


def test_nodes_that_are_not_costed_say_why() -> None:
    """Report and JSON list the nodes that are folded, left out, or without a model, each with its reason."""
    nodes = tuple(OffArrayNode(name=why, op="Op", why=why, reason=f"reason: {why}") for why in OffArrayReason)
    report = simulate_workload(Workload(name="net", layers=nodes), ACCELERATOR)
    assert [(layer.why, layer.reason) for layer in report.layers] == [(why, f"reason: {why}") for why in OffArrayReason]
    assert [row["status"] for row in report.to_json()["layers"]] == ["folded", "not_costed", "no_model"]
    assert [layer.name for layer in report.without_model] == ["no_model"]


def test_a_layer_that_fits_no_buffer() -> None:
    tiny = replace(ACCELERATOR, buffer=replace(ACCELERATOR.buffer, bytes=64))
    with pytest.raises(SimulatorError, match=r"'conv'.*64 byte buffer"):
        simulate_workload(WORKLOAD, tiny)


def test_an_unknown_shape_makes_the_total_incomplete_on_a_vector_unit() -> None:
    """Without a vector unit nothing is lost: such nodes cost nothing, as in the paper."""
    pool = OffArrayNode(name="pool", op="MaxPool", why=OffArrayReason.NOT_COSTED, reason="pooling")
    workload = Workload(
        name="net", layers=(ConvLayer(name="c", in_channels=3, out_channels=4, in_height=8, in_width=8), pool)
    )
    paper, npu = load_accelerator("squeezelerator-8x8"), load_accelerator("edge-npu-8bit")
    assert simulate_workload(workload, paper, strict=True).to_json()["complete"]
    report = simulate_workload(workload, npu)
    assert not report.to_json()["complete"]
    assert report.without_shape == (pool,)
    assert "leaves out 1 node(s) for the vector unit whose shapes are not known: MaxPool" in report.notes[0]
    with pytest.raises(SimulatorError, match=r"have an unknown shape \(MaxPool 'pool'\); leave out `strict`"):
        simulate_workload(workload, npu, strict=True)


@pytest.mark.parametrize(
    ("name", "said", "not_said"),
    [
        ("squeezelerator-8x8", "output stationary drains", "row stationary"),
        ("eyeriss", "row stationary takes groups", "a round pays"),
        ("ethos-u65-256", "output blocks take no time for commands", "weight stationary"),
    ],
)
def test_idealisations_are_those_of_the_machine(name: str, said: str, not_said: str) -> None:
    listed = "; ".join(simulate_workload(WORKLOAD, name).to_json()["idealisations"])
    assert "unlimited prefetch" in listed
    assert said in listed
    assert not_said not in listed


def test_the_papers_idealisations_are_the_constant() -> None:
    assert simulate_workload(WORKLOAD, ACCELERATOR).idealisations == IDEALISATIONS
