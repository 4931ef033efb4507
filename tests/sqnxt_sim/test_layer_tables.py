"""Layers costed in tables have the costs that they have in a simulated network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sqnxt_sim import (
    ConvLayer,
    OffArrayNode,
    OffArrayReason,
    SimulatorError,
    VectorWork,
    Workload,
    conv,
    list_accelerators,
    load_accelerator,
    simulate_workload,
)
from sqnxt_sim.layer_tables import LAYER_FIGURES, layer_table

NODES: tuple[ConvLayer | OffArrayNode, ...] = (
    conv("27x27x24", "3x3x40", stride=2, name="first"),
    OffArrayNode(
        name="pool", op="MaxPool", why=OffArrayReason.NOT_COSTED, reason="left out",
        work=VectorWork(operations=9000, values_read=4000, values_written=1000),
    ),
    conv("14x14x40", "3x3x40", groups=40, name="depthwise"),
    conv("27x27x24", "3x3x40", stride=2, name="as the first"),
    conv("1x1x640", "1x1x100", name="dense"),
)  # fmt: skip


def test_each_layer_costs_what_it_does_in_its_network() -> None:
    """Alone, and with others of its PE array; an input that a layer left in the buffer is no network's input."""
    presets = [load_accelerator(name) for name in list_accelerators()]
    small = [replace(one, buffer=replace(one.buffer, bytes=one.buffer.bytes // 2)) for one in presets if one.is_plain]
    table = layer_table(NODES, [*presets, *small], network_inputs={0}, sparsity=0.4)
    assert table.shape == (len(NODES), len(LAYER_FIGURES), len(presets) + len(small))
    for place, accelerator in enumerate([*presets, *small]):
        report = simulate_workload(Workload(name="net", layers=NODES), accelerator, sparsity=0.4)
        for row, cost in zip(table, report.layers, strict=True):
            figures = (0, 0, 0)
            if not isinstance(cost, OffArrayNode):
                figures = (cost.cycles, cost.energy.total, cost.dram_bytes)
            assert row[:, place].tolist() == pytest.approx(figures, rel=1e-12)


def test_a_layer_without_room_costs_infinity_and_assumptions_are_checked() -> None:
    base = load_accelerator("squeezelerator-8x8")
    tiny = [replace(base, buffer=replace(base.buffer, bytes=size)) for size in (16, 32, 2**20)]
    table = layer_table(NODES[:1], tiny)
    assert np.isinf(table[0, :, :2]).all()
    assert np.isfinite(table[0, :, 2]).all()
    with pytest.raises(SimulatorError, match="sparsity"):
        layer_table(NODES, tiny, sparsity=2)
