"""Row stationary against Eyeriss as it was measured (JSSC 2017): the error of every cell, as docs/machines.md has it.

AlexNet runs in the mappings of the paper's table III. The paper prints no mapping of VGG-16. What its table VI prints
of buffer accesses and active PEs implies how many channels and rows a pass takes, and the rest is chosen for the
fewest DRAM words among mappings that agree with both. Maps of the first block are cut in two, because whole ones cannot
move as few DRAM words as were measured. Megabytes are 2^20 bytes: with 10^6, the accesses of VGG-16's
first layers would be fewer than its partial sums take. Zeros of outputs are those of the next layer's inputs.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from sqnxt_sim import ConvLayer, RowMapping, TilingCost, Workload, load_accelerator, simulate_workload
from sqnxt_sim.machine.row_search import best_mapping

DATA = Path(__file__).with_name("data")
EYERISS = load_accelerator("eyeriss")
BATCH = {"alexnet": 4, "vgg16": 3}


def rows(network: str) -> dict[str, dict[str, str]]:
    with (DATA / f"eyeriss_{network}.csv").open(encoding="utf-8") as file:
        table = csv.DictReader(line for line in file if not line.startswith("#"))
        return {row["layer"]: row for row in table}


def alexnet() -> list[ConvLayer]:
    shapes = {
        "CONV1": (227, 3, 96, 11, 4, 0, 1), "CONV2": (27, 96, 256, 5, 1, 2, 2), "CONV3": (13, 256, 384, 3, 1, 1, 1),
        "CONV4": (13, 384, 384, 3, 1, 1, 2), "CONV5": (13, 384, 256, 3, 1, 1, 2),
    }  # fmt: skip
    return [square(name, *shape) for name, shape in shapes.items()]


def vgg16() -> list[ConvLayer]:
    layers, size, channels = [], 224, 3
    for block, (filters, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1):
        for i in range(1, count + 1):
            layers.append(square(f"CONV{block}-{i}", size, channels, filters, 3, 1, 1, 1))
            channels = filters
        size //= 2
    return layers


def square(name: str, size: int, ins: int, outs: int, kernel: int, stride: int, pad: int, groups: int) -> ConvLayer:
    return ConvLayer(
        name=name, in_channels=ins, out_channels=outs, in_height=size, in_width=size, kernel_height=kernel,
        kernel_width=kernel, stride_height=stride, stride_width=stride, pad_top=pad, pad_left=pad, pad_bottom=pad,
        pad_right=pad, groups=groups,
    )  # fmt: skip


def layers_of(network: str) -> list[ConvLayer]:
    """Return the layers for the paper's batch, with the zeros that it measured."""
    zeros = [float(row["zeros_percent"]) / 100 for row in rows(network).values()]
    layers = {"alexnet": alexnet, "vgg16": vgg16}[network]()
    pairs = zip(layers, zeros, [*zeros[1:], None], strict=True)
    return [replace(one, batch=BATCH[network], input_zeros=ins, output_zeros=outs) for one, ins, outs in pairs]


VGG16 = {
    "CONV1": RowMapping(m=32, n=1, e=13, f=112, p=8, q=1, r=1, t=4),
    "CONV2": RowMapping(m=32, n=1, e=13, f=112, p=8, q=1, r=1, t=4),
    "CONV3": RowMapping(m=64, n=1, e=13, f=56, p=16, q=2, r=1, t=4),
    "CONV4": RowMapping(m=38, n=3, e=14, f=28, p=19, q=2, r=2, t=2),
    "CONV5": RowMapping(m=64, n=3, e=14, f=14, p=16, q=4, r=2, t=2),
}


def printed_mapping(network: str, layer: ConvLayer) -> RowMapping:
    if network == "vgg16":
        return VGG16[layer.name[:5]]
    row = rows(network)[layer.name]
    return RowMapping(f=layer.out_width, **{letter: int(row[letter]) for letter in "mnepqrt"})


def errors(network: str, layer: ConvLayer, cost: TilingCost) -> tuple[float, ...]:
    """Return the errors in per cent of processing latency, total latency and DRAM accesses."""
    row, images = rows(network)[layer.name], layer.batch
    ours = (
        images * cost.cycles.array / EYERISS.array.clock_hz * 1e3,
        images * cost.cycles.total / EYERISS.array.clock_hz * 1e3,
        images * cost.dram_words * 2 / 2**20,
    )
    printed = (float(row[key]) for key in ("processing_ms", "total_ms", "dram_mb"))
    return tuple(round(100 * (mine / theirs - 1), 1) for mine, theirs in zip(ours, printed, strict=True))


# Errors in per cent: processing latency, total latency, DRAM accesses.
PRINTED = {
    "alexnet": {
        "CONV1": (-6.6, 7.8, 7.4), "CONV2": (-10.4, -8.9, -6.5), "CONV3": (0.8, 1.1, -15.0),
        "CONV4": (-4.3, -10.2, -13.2), "CONV5": (2.0, 10.2, 13.0),
    },
    "vgg16": {
        "CONV1-1": (-3.9, -9.3, -1.5), "CONV1-2": (-3.9, -2.8, 3.2), "CONV2-1": (-3.9, -3.9, -3.3),
        "CONV2-2": (-3.9, -2.7, 1.7), "CONV3-1": (-2.4, -7.4, -3.7), "CONV3-2": (-2.4, -6.8, -3.3),
        "CONV3-3": (-2.4, -6.4, -0.6), "CONV4-1": (-5.1, -12.1, -24.3), "CONV4-2": (-5.0, -11.3, -26.3),
        "CONV4-3": (-5.0, -12.5, -28.3), "CONV5-1": (-7.9, -12.6, -7.0), "CONV5-2": (-8.2, -13.6, -6.0),
        "CONV5-3": (-8.2, -11.9, 3.2),
    },
}  # fmt: skip


@pytest.mark.parametrize("network", BATCH)
def test_the_tables_are_consistent(network: str) -> None:
    """Sums of the layers are the totals that the paper prints, within the rounding of their cells."""
    table = rows(network).values()
    totals = {"alexnet": (115.3, 103.5, 15.4), "vgg16": (4309.5, 3755.2, 321.1)}[network]
    for key, total in zip(("total_ms", "processing_ms", "dram_mb"), totals, strict=True):
        assert sum(float(row[key]) for row in table) == pytest.approx(total, abs=0.05 * (len(table) + 1))


@pytest.mark.parametrize("network", BATCH)
def test_the_errors_are_those_that_the_documentation_states(network: str) -> None:
    found = {}
    for layer in layers_of(network):
        mapping = printed_mapping(network, layer)
        active = layer.kernel_height * mapping.e * mapping.r * mapping.t
        assert active == int(rows(network)[layer.name]["active_pes"])
        found[layer.name] = errors(network, layer, best_mapping(layer, EYERISS, mapping))
    assert found == {name: pytest.approx(cells, abs=0.11) for name, cells in PRINTED[network].items()}


def test_the_buffer_of_a_mapping_is_the_papers() -> None:
    for layer in layers_of("alexnet"):
        row, mapping = rows("alexnet")[layer.name], printed_mapping("alexnet", layer)
        sums = mapping.m * mapping.n * mapping.e * layer.out_width * 2 / 1024
        assert sums == pytest.approx(float(row["psum_kb"]), abs=0.05)


def test_the_search_takes_less_time_than_the_chip_did() -> None:
    """It finds AlexNet's mappings or ones like them; in VGG-16 it sends partial sums through the buffer less often."""
    alex, vgg = (
        sum(x.batch * best_mapping(x, EYERISS).cycles.array for x in layers_of(network)) / EYERISS.array.clock_hz * 1e3
        for network in ("alexnet", "vgg16")
    )
    assert alex == pytest.approx(95.4, abs=0.1)  # measured: 103.5
    assert vgg == pytest.approx(1461, abs=2)  # measured: 3755.2


def test_eyeriss_simulates_a_network() -> None:
    report = simulate_workload(Workload(name="alexnet", layers=tuple(layers_of("alexnet"))), EYERISS)
    row = report.to_json()["layers"][0]
    assert row["dataflow"] == "row_stationary"
    assert row["rejected"] is None
    assert sorted(row["mapping"]) == sorted("mnefpqrt")
