"""Two simulations side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sqnxt_sim import (
    Accelerator,
    ConvLayer,
    NetworkReport,
    OffArrayNode,
    OffArrayReason,
    VectorUnit,
    VectorWork,
    Workload,
    load_accelerator,
    simulate_workload,
)
from sqnxt_tf import compare
from sqnxt_tf.reports.comparison import comparison_tables

ACCELERATOR = load_accelerator("squeezelerator-16x16")
A = ConvLayer(name="a", in_channels=16, out_channels=32, in_height=28, in_width=28, nonzero_weights=512)
B = replace(A, name="b", in_channels=32, nonzero_weights=1024)
C = replace(B, name="c")


def report(*layers: ConvLayer | OffArrayNode, accelerator: Accelerator = ACCELERATOR, **options: Any) -> NetworkReport:
    return simulate_workload(Workload(name="net.onnx", layers=layers), accelerator, **options)


def test_a_network_does_not_differ_from_itself() -> None:
    same = compare(report(A, B), report(A, B))
    assert [layer.name for layer in same.layers] == ["a", "b"]
    assert not any(layer.what_changed() for layer in same.layers)
    assert len(comparison_tables(same)) == 1
    assert len(comparison_tables(same, every_layer=True)[1].rows) == 2


def test_what_changed_is_told_layer_by_layer() -> None:
    pruned = compare(report(A, B), report(A, replace(B, nonzero_weights=256, weight_bits=8)))
    untouched, changed = pruned.layers
    assert untouched.what_changed() == []
    assert {"weight bits 16 -> 8", "zeros 0.0% -> 75.0%"} <= set(changed.what_changed())
    before, after = changed.figure("dram_bytes")
    assert before - after == pytest.approx(1024)  # half the bits of the weights
    assert pruned.total("cycles") == (pruned.before.cycles, pruned.after.cycles)


def test_layers_that_only_one_has_stand_where_they_belong() -> None:
    merged = compare(report(A, C), report(A, B, C))
    assert [layer.name for layer in merged.layers] == ["a", "b", "c"]
    assert merged.layers[1].what_changed() == ["only in the second"]
    assert merged.layers[1].figure("cycles")[0] == 0
    assert compare(report(A, B, C), report(A, C)).layers[1].what_changed() == ["only in the first"]


def test_other_exporters_names_are_matched_by_order() -> None:
    renamed = compare(report(A, B), report(replace(A, name="Conv_0"), replace(B, name="Conv_1")))
    assert [(layer.name, layer.what_changed()) for layer in renamed.layers] == [("a", []), ("b", [])]


def test_two_accelerators() -> None:
    small = load_accelerator("squeezelerator-8x8")
    arrays = compare(report(A), report(A, accelerator=small)).to_json()
    assert arrays["second"] == {"model": "net.onnx", "accelerator": "squeezelerator-8x8"}
    assert arrays["total"]["cycles"][0] < arrays["total"]["cycles"][1]
    assert arrays["total"]["macs"][0] == arrays["total"]["macs"][1] == A.macs


def test_a_vector_unit_against_none() -> None:
    add = OffArrayNode(
        name="add", op="Add", why=OffArrayReason.NOT_COSTED, reason="left out",
        work=VectorWork(operations=10, values_read=20, values_written=10),
    )  # fmt: skip
    unit = replace(ACCELERATOR, vector=VectorUnit(operations_per_cycle=4, operation_energy=1))
    change = compare(report(A, add), report(A, add, accelerator=unit)).layers[1]
    assert (change.name, change.what_changed()) == ("add", ["only in the second"])
