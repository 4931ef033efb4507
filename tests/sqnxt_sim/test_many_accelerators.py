"""Totals on many accelerators are those of one simulation after another, whatever they share."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnxt_sim import (
    Accelerator,
    ConvLayer,
    NetworkTotals,
    OffArrayNode,
    OffArrayReason,
    SimulatorError,
    VectorWork,
    Workload,
    batches,
    conv,
    list_accelerators,
    load_accelerator,
    simulate_many,
    simulate_workload,
)
from sqnxt_sim.machine import tile_fronts

BASE = load_accelerator("squeezelerator-8x8")
POOL = OffArrayNode(
    name="pool", op="MaxPool", why=OffArrayReason.NOT_COSTED, reason="left out",
    work=VectorWork(operations=9000, values_read=4000, values_written=1000, bits=8),
)  # fmt: skip
WORKLOAD = Workload(
    name="net",
    layers=(
        conv("27x27x24", "3x3x40", stride=2, name="first"),
        POOL,
        replace(conv("14x14x40", "3x3x40", groups=40, name="depthwise"), batch=2),
        replace(conv("14x14x40", "1x1x64", groups=2, name="grouped"), nonzero_weights=500),
        conv("14x14x40", "1x1x64", groups=2, name="again"),
        conv("1x1x640", "1x1x100", name="dense"),
    ),
)


def variants(base: Accelerator, **values: tuple[Any, ...]) -> list[Accelerator]:
    """A grid over `section__key` of an accelerator."""
    found = []
    for chosen in product(*values.values()):
        made = base
        for name, value in zip(values, chosen, strict=True):
            section, key = name.split("__")
            made = replace(made, **{section: replace(getattr(made, section), **{key: value})})
        found.append(made)
    return found


def check(workload: Workload, accelerators: list[Accelerator], **assumptions: Any) -> None:
    for accelerator, totals in zip(accelerators, simulate_many(workload, accelerators, **assumptions), strict=True):
        if totals is None:
            with pytest.raises(SimulatorError, match="smallest tile"):
                simulate_workload(workload, accelerator, **assumptions)
            continue
        report = simulate_workload(workload, accelerator, **assumptions)
        assert totals.accelerator is accelerator
        for figure in ("cycles", "time_ms", "dram_bytes", "macs"):
            assert getattr(totals, figure) == pytest.approx(getattr(report, figure), rel=1e-12), figure
        for part in ("mac", "register_file", "buffer", "dram", "vector"):
            assert getattr(totals.energy, part) == pytest.approx(getattr(report.energy, part), rel=1e-12), part


GRIDS: dict[str, list[Accelerator]] = {
    "energies": variants(BASE, energy__dram=(50, 200), energy__buffer=(0, 6), energy__mac=(1, 2)),
    "bandwidth": variants(BASE, dram__bytes_per_second=(1e6, 1e8, 1e9, 3e9, 16e9, 1e13), array__clock_hz=(2e8, 1e9)),
    "latency": variants(BASE, dram__latency_cycles=(0, 10, 1000, 1e6)),
    "buffers": variants(BASE, buffer__bytes=(64, 1000, 2048, 4096, 8192, 1 << 16), buffer__capacity_divisor=(1, 3.5)),
    "arrays": variants(BASE, array__rows=(1, 7, 32), array__cols=(3, 16), array__partial_sums_per_pe=(1, 16)),
    "words": variants(BASE, array__word_bits=(8, 16), dram__weight_index_bits=(None, 0, 4), buffer__bytes=(4096, 9999)),
    "units": variants(
        load_accelerator("edge-npu-8bit"), vector__operations_per_cycle=(0.5, 16), vector__operation_energy=(0, 2),
        array__multipliers_per_pe=(1, 4), dram__bytes_per_second=(1e8, 1e10),
    ),
    "energies of other dataflows": variants(
        load_accelerator("ethos-u65-256"), energy__dram=(0, 200), energy__buffer=(1, 2),
        vector__operation_energy=(0, 3), dram__latency_cycles=(0, 500),
    ),
    "a single one": [load_accelerator("edge-npu-8bit")],
    "a single one without room": variants(BASE, buffer__bytes=(64,)),
    "every preset": [load_accelerator(name) for name in list_accelerators()],
    "everything": [BASE, load_accelerator("eyeriss-like"), load_accelerator("edge-npu-8bit"), BASE],
}  # fmt: skip


@pytest.mark.parametrize("assumptions", [{}, {"sparsity": 0.4}, {"precision": "int8"}], ids=str)
@pytest.mark.parametrize("grid", GRIDS)
def test_totals_are_those_of_single_simulations(grid: str, assumptions: dict[str, Any]) -> None:
    check(WORKLOAD, GRIDS[grid], **assumptions)


@pytest.mark.parametrize("dataflow", ["weight-stationary", "output_stationary"])
def test_a_dataflow_can_be_imposed(dataflow: str) -> None:
    check(WORKLOAD, GRIDS["buffers"] + GRIDS["bandwidth"], dataflow=dataflow)


layers = st.builds(
    lambda height, width, channels, filters, groups, kernel, stride, zeros: replace(
        layer := conv(
            f"{height}x{width}x{channels * groups}", f"{kernel[0]}x{kernel[1]}x{filters * groups}",
            stride=stride, groups=groups,
        ),
        nonzero_weights=layer.weights * zeros,
    ),
    st.integers(1, 20), st.integers(1, 20), st.integers(1, 20), st.integers(1, 20), st.sampled_from((1, 1, 2, 5)),
    st.tuples(st.sampled_from((1, 3, 5)), st.sampled_from((1, 3))), st.integers(1, 2), st.sampled_from((1.0, 0.6, 0.0)),
)  # fmt: skip


@pytest.mark.parametrize("cells", [1, 2**20], ids=["classes of rooms", "every room"])
@settings(max_examples=40, deadline=None)
@given(layer=layers)
def test_fronts_lose_no_best_tiling(layer: ConvLayer, cells: int) -> None:
    grid = variants(BASE, buffer__bytes=(200, 500, 1001, 3000, 9000), dram__bytes_per_second=(1e7, 1e9, 1e11))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tile_fronts, "_MOST_CELLS", cells)
        check(Workload(name="one", layers=(layer,)), grid)


machines = st.builds(
    lambda base, rows, cols, sums, bandwidth, clock, latency, size, energy: replace(
        base,
        array=replace(base.array, rows=rows, cols=cols, partial_sums_per_pe=sums, clock_hz=clock),
        dram=replace(base.dram, bytes_per_second=bandwidth, latency_cycles=latency),
        buffer=replace(base.buffer, bytes=size),
        energy=replace(base.energy, dram=energy),
    ),
    st.sampled_from((BASE, BASE, load_accelerator("edge-npu-8bit"), load_accelerator("edge-tpu-like"))),
    st.integers(1, 34), st.integers(1, 34), st.sampled_from((1, 16)), st.sampled_from((1e7, 1e9, 1e11)),
    st.sampled_from((1e8, 1e9)), st.sampled_from((0, 100)), st.sampled_from((600, 5000, 1 << 17)),
    st.sampled_from((0, 200)),
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(
    group=st.lists(machines, min_size=1, max_size=6),
    dataflow=st.sampled_from(("best", "best", "weight_stationary")),
    many=st.sampled_from((0, 32)),
    few=st.sampled_from((0, 0, 2)),
)
def test_totals_on_any_arrays_are_those_of_single_simulations(
    group: list[Accelerator], dataflow: str, many: int, few: int
) -> None:
    """Whatever differs, and whichever of the searches takes them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "_MANY", many)
        patch.setattr(batches, "_FEW", few)
        check(WORKLOAD, group, dataflow=dataflow)


def test_a_front_is_small() -> None:
    """A layer's front has few of its tilings, or sharing it would gain nothing."""
    rooms = np.linspace(100, 9000, 50)
    random = np.random.default_rng(0)
    cycles, words, sizes = random.permuted(np.tile(np.arange(1.0, 5001.0), (3, 1)), axis=1)
    places = tile_fronts._undominated(cycles, words, sizes, rooms)
    assert 10 < places.size < 500


def test_progress_counts_accelerators() -> None:
    done: list[int] = []
    simulate_many(WORKLOAD, GRIDS["arrays"], progress=done.append)
    assert done == sorted(done)
    assert done[-1] == len(GRIDS["arrays"])


def test_nothing_gives_nothing() -> None:
    assert simulate_many(WORKLOAD, []) == []
    (totals,) = simulate_many(Workload(name="empty", layers=()), [BASE])
    assert isinstance(totals, NetworkTotals)
    assert totals.cycles == 0


@pytest.mark.parametrize(
    ("assumptions", "fault"),
    [({"sparsity": 2}, "out of range"), ({"precision": "int3"}, "not known"), ({"dataflow": "row"}, "not known")],
)
def test_assumptions_are_checked(assumptions: dict[str, Any], fault: str) -> None:
    with pytest.raises(SimulatorError, match=fault):
        simulate_many(WORKLOAD, [BASE], **assumptions)
