"""The properties of a cost: roofline, memory, multiplier width, compressed weights, the vector unit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sqnxt_sim import (
    Accelerator,
    Bound,
    ConvLayer,
    Dataflow,
    LayerCost,
    LiveActivations,
    NetworkReport,
    OffArrayNode,
    OffArrayReason,
    SimulatorError,
    VectorUnit,
    VectorWork,
    Workload,
    load_accelerator,
    simulate_workload,
)
from sqnxt_sim.machine.dataflows import TILED

ARRAY_16 = load_accelerator("squeezelerator-8x8")
LAYER = ConvLayer(
    name="conv", in_channels=64, out_channels=64, in_height=28, in_width=28, kernel_height=3, kernel_width=3,
    pad_top=1, pad_left=1, pad_bottom=1, pad_right=1, weight_bits=16, activation_bits=16,
)  # fmt: skip
POOL = OffArrayNode(
    name="pool", op="MaxPool", why=OffArrayReason.NOT_COSTED, reason="pooling",
    work=VectorWork(operations=9000, values_read=4000, values_written=1000, bits=16),
)  # fmt: skip


def cost_of(layer: ConvLayer, accelerator: Accelerator = ARRAY_16, **options: Any) -> LayerCost:
    return simulate_workload(Workload(name="net", layers=(layer,)), accelerator, **options).costed[0]


def test_no_layer_stands_above_the_roof() -> None:
    layers = (
        LAYER,
        replace(LAYER, name="sparse", nonzero_weights=100),
        replace(LAYER, name="fc", in_height=1, in_width=1),
    )
    for cost in simulate_workload(Workload(name="net", layers=layers), ARRAY_16).costed:
        roofline = cost.roofline
        assert 0 < roofline.macs_per_cycle <= roofline.attainable_macs_per_cycle <= 64
        assert roofline.macs_per_dram_byte * cost.dram_bytes == pytest.approx(cost.chosen.executed_macs)
        assert cost.utilisation == pytest.approx(roofline.macs_per_cycle / 64)


def test_a_layer_fits_the_buffer_or_not() -> None:
    words = 64 * 28 * 28 * 2 + 64 * 64 * 9
    cost = cost_of(LAYER)
    assert cost.working_set_bytes == 2 * words
    assert not cost.fits_buffer
    roomy = replace(ARRAY_16, buffer=replace(ARRAY_16.buffer, bytes=2 * words))
    assert cost_of(LAYER, roomy).fits_buffer
    assert cost_of(replace(LAYER, weight_bits=8, activation_bits=8)).working_set_bytes == words


def test_the_peak_of_live_activations() -> None:
    live = (
        LiveActivations(node="a", float_values=1000, integer_bits=0),
        LiveActivations(node="b", float_values=0, integer_bits=8 * 40000),
    )
    report = simulate_workload(Workload(name="net", layers=(LAYER,), live=live), ARRAY_16)
    assert report.peak_activations is live[1]
    assert report.beyond_buffer == (live[1],)
    total = report.to_json()["total"]
    assert (total["peak_activation_bytes"], total["peak_activation_node"]) == (40000, "b")
    assert total["nodes_beyond_buffer"] == ["b"]
    assert (
        simulate_workload(Workload(name="net", layers=(LAYER,)), ARRAY_16).to_json()["total"]["peak_activation_bytes"]
        is None
    )


@pytest.mark.parametrize(
    ("multiplier_bits", "per_pe", "activation", "weight", "cycles"),
    [
        (None, 1, 16, 16, 1),
        (None, 1, 32, 32, 1),
        (8, 1, 8, 8, 1),
        (8, 1, 16, 8, 2),
        (8, 1, 16, 16, 4),
        (8, 4, 16, 16, 1),
        (8, 4, 8, 8, 0.25),
        (8, 1, 4, 4, 1),
    ],
)
def test_cycles_of_a_mac(multiplier_bits: int | None, per_pe: int, activation: int, weight: int, cycles: float) -> None:
    array = replace(ARRAY_16.array, multiplier_bits=multiplier_bits, multipliers_per_pe=per_pe)
    assert array.cycles_per_mac(activation, weight) == cycles


def test_wide_operands_take_the_array_longer_and_narrow_ones_share_it() -> None:
    fused = replace(ARRAY_16, array=replace(ARRAY_16.array, multiplier_bits=8, multipliers_per_pe=4))
    narrow = replace(LAYER, weight_bits=8, activation_bits=8)
    plain, wide = (cost_of(x, a, dataflow="weight_stationary") for x, a in ((narrow, ARRAY_16), (LAYER, fused)))
    packed = cost_of(narrow, fused, dataflow="weight_stationary")
    assert wide.cycles == cost_of(LAYER, dataflow="weight_stationary").cycles
    assert packed.cycles < plain.cycles
    assert packed.peak_macs_per_cycle == 4 * 64
    assert packed.roofline.macs_per_cycle <= packed.roofline.attainable_macs_per_cycle


@pytest.mark.parametrize(
    ("dataflow", "key"),
    [("output_stationary", "weight_index_bits"), ("weight_stationary", "weight_stationary_index_bits")],
)
def test_zeros_cut_traffic_only_where_weights_are_compressed(dataflow: str, key: str) -> None:
    fully = replace(LAYER, in_height=1, in_width=1, kernel_height=1, kernel_width=1, pad_top=0, pad_left=0,
                    pad_bottom=0, pad_right=0)  # fmt: skip
    pruned = replace(fully, nonzero_weights=fully.weights // 4)
    index_bits = {"weight_index_bits": 4, "weight_stationary_index_bits": 4}

    def cost(layer: ConvLayer, bits: dict[str, Any]) -> LayerCost:
        return cost_of(layer, replace(ARRAY_16, dram=replace(ARRAY_16.dram, **bits)), dataflow=dataflow)

    for elsewhere in ({**index_bits, key: None}, dict.fromkeys(index_bits)):
        assert cost(pruned, elsewhere).dram_bytes == cost(fully, elsewhere).dram_bytes == 2 * (64 * 64 + 128)
    assert cost(fully, index_bits).dram_bytes == 2 * (64 * 64 + 128)  # indices would cost more: dense
    sparse, dense = cost(pruned, index_bits), cost(pruned, dict.fromkeys(index_bits))
    assert sparse.dram_bytes == 64 * 64 / 4 * 20 / 8 + 2 * 128
    assert sparse.energy.dram < dense.energy.dram
    assert sparse.cycles < dense.cycles


def vector_report(operations_per_cycle: int) -> NetworkReport:
    unit = VectorUnit(operations_per_cycle=operations_per_cycle, operation_energy=0.5)
    return simulate_workload(Workload(name="net", layers=(LAYER, POOL)), replace(ARRAY_16, vector=unit))


def test_the_vector_unit_overlaps_operations_and_traffic() -> None:
    """5000 words at 8 a cycle take 625 cycles, after a latency of 100."""
    (fast,) = vector_report(100).on_vector_unit
    assert (fast.cycles, fast.bound_by, fast.dram_bytes) == (725, Bound.DRAM_BANDWIDTH, 10000)
    (slow,) = vector_report(1).on_vector_unit
    assert (slow.cycles, slow.bound_by) == (9100, Bound.VECTOR_UNIT)
    assert slow.energy.vector == 4500
    assert slow.energy.dram == 200 * 5000
    assert slow.energy.buffer == 6 * 2 * 5000


def test_the_total_has_the_vector_unit_in_it_and_its_row_every_key() -> None:
    report = vector_report(1)
    array_only = simulate_workload(Workload(name="net", layers=(LAYER, POOL)), ARRAY_16)
    assert report.cycles == array_only.cycles + 9100
    assert report.energy.total == pytest.approx(array_only.energy.total + report.on_vector_unit[0].energy.total)
    assert report.macs == array_only.macs == LAYER.macs
    conv, pool = report.to_json()["layers"]
    assert set(conv) == set(pool)
    assert (pool["costed"], pool["status"], pool["dataflow"]) == (True, "vector_unit", None)
    assert not array_only.on_vector_unit


def test_nothing_known_to_do_is_not_costed() -> None:
    idle = replace(POOL, work=None)
    unit = replace(ARRAY_16, vector=VectorUnit(operations_per_cycle=1, operation_energy=1))
    assert simulate_workload(Workload(name="net", layers=(idle,)), unit).layers == (idle,)


def test_strict_refuses_what_has_no_model() -> None:
    odd = OffArrayNode(name="odd", op="LSTM", why=OffArrayReason.NO_MODEL, reason="no model of this operator")
    workload = Workload(name="net.onnx", layers=(LAYER, POOL, odd))
    assert simulate_workload(workload, ARRAY_16).without_model == (odd,)
    with pytest.raises(
        SimulatorError, match=r"^net\.onnx: 1 node\(s\) do real work and have no cost model \(LSTM 'odd'\); "
    ):
        simulate_workload(workload, ARRAY_16, strict=True)
    assert simulate_workload(Workload(name="net.onnx", layers=(LAYER, POOL)), ARRAY_16, strict=True).cycles


@pytest.mark.parametrize("name", ["edge-npu-8bit", "eyeriss-like"])
@pytest.mark.parametrize("dataflow", TILED)
def test_the_other_presets_cost_a_layer(name: str, dataflow: Dataflow) -> None:
    accelerator = load_accelerator(name)
    cost = cost_of(replace(LAYER, weight_bits=8, activation_bits=8), accelerator, dataflow=dataflow)
    assert cost.cycles >= cost.chosen.executed_macs / accelerator.array.size
    assert 0 < cost.utilisation <= 1
