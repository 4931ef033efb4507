"""Numbers that differ by operand: paths to the array, parts of the buffer, a memory for weights, systolic blocks."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from math import prod

import numpy as np
import pytest

from sqnxt_sim import Accelerator, ConvLayer, Dataflow, SimulatorError, load_accelerator, simulate_workload
from sqnxt_sim.machine.operand_limits import weight_words
from sqnxt_sim.machine.tile_search import best_tilings
from sqnxt_sim.machine.tiling import dram_words, tiling_space, word_scale
from sqnxt_sim.workload import Workload
from tests.helpers.reference_machine import chunks

ARRAY = load_accelerator("squeezelerator-8x8")
SYSTOLIC = load_accelerator("systolic-32x32")
LAYER = ConvLayer(name="conv", in_channels=64, out_channels=96, in_height=28, in_width=28, kernel_height=3,
                  kernel_width=3, pad_top=1, pad_left=1, pad_bottom=1, pad_right=1, groups=2)  # fmt: skip
DEPTHWISE = replace(LAYER, in_channels=64, out_channels=64, groups=64)
WS = Dataflow.WEIGHT_STATIONARY


def cycles(layer: ConvLayer, accelerator: Accelerator, dataflow: Dataflow = WS) -> float:
    return best_tilings(layer, tiling_space(layer, accelerator), accelerator)[dataflow].cycles.total


def cost(layer: ConvLayer, accelerator: Accelerator) -> float:
    """Return what the search minimises."""
    one = best_tilings(layer, tiling_space(layer, accelerator), accelerator)[WS]
    return one.cycles.array + one.dram_words / accelerator.dram_words_per_cycle


def test_double_buffering_is_a_divisor_of_two() -> None:
    by_divisor = replace(ARRAY, buffer=replace(ARRAY.buffer, capacity_divisor=2))
    by_name = replace(ARRAY, buffer=replace(ARRAY.buffer, capacity_divisor=1, double_buffered=True))
    once = replace(ARRAY, buffer=replace(ARRAY.buffer, capacity_divisor=1))
    assert by_divisor.buffer.copies == by_name.buffer.copies == 2
    assert cycles(LAYER, by_name) == cycles(LAYER, by_divisor)
    assert cost(LAYER, once) < cost(LAYER, by_name)


@pytest.mark.parametrize("dataflow", ARRAY.dataflows)
@pytest.mark.parametrize("operand", ["input", "weight", "output"])
def test_a_slow_path_to_the_array_takes_longer(operand: str, dataflow: Dataflow) -> None:
    wide, narrow = (
        replace(ARRAY, buffer=replace(ARRAY.buffer, **{f"{operand}_words_per_cycle": words})) for words in (1e6, 1e-2)
    )
    assert cycles(LAYER, wide, dataflow) == cycles(LAYER, ARRAY, dataflow)
    assert cycles(LAYER, narrow, dataflow) > 1.5 * cycles(LAYER, ARRAY, dataflow)


def test_writes_of_partial_sums_are_what_a_path_limits() -> None:
    """One tile of 16x16 pixels in 8x8 PEs: 9 taps of 2 blocks of channels write 8 channels of 256 pixels each time."""
    layer = ConvLayer(name="conv", in_channels=16, out_channels=8, in_height=18, in_width=18, kernel_height=3,
                      kernel_width=3)  # fmt: skip
    slow = replace(ARRAY, buffer=replace(ARRAY.buffer, bytes=2**20, output_words_per_cycle=0.5))
    one = best_tilings(layer, tiling_space(layer, slow), slow)[WS]
    assert one.cycles.array == 9 * 2 * 8 * 256 / 0.5


@pytest.mark.parametrize("operand", ["input", "weight", "output"])
def test_a_tile_fits_the_part_of_its_operand(operand: str) -> None:
    part = replace(ARRAY, buffer=replace(ARRAY.buffer, **{f"{operand}_bytes": 2048}))
    tile = best_tilings(LAYER, tiling_space(LAYER, part), part)[WS].tiling
    words = {
        "input": (tile.rows + 2) * (tile.cols + 2) * tile.in_channels,
        "weight": 9 * tile.in_channels * tile.out_channels,
        "output": tile.rows * tile.cols * tile.out_channels,
    }[operand]
    edges = 0.6 if operand == "input" else 1  # padding takes no room
    assert edges * words * 2 * ARRAY.buffer.copies <= 2048
    assert cost(LAYER, part) > cost(LAYER, ARRAY)


def test_parts_that_are_too_small_are_said() -> None:
    tiny = replace(ARRAY, buffer=replace(ARRAY.buffer, weight_bytes=64))
    with pytest.raises(SimulatorError, match=r"^layer 'conv': not even the smallest tile fits the parts of the buffer"):
        simulate_workload(Workload(name="net", layers=(LAYER,)), tiny)


@pytest.mark.parametrize("layer", [LAYER, DEPTHWISE, replace(LAYER, groups=1)])
def test_the_weights_are_those_of_the_order_that_moves_fewest_words(layer: ConvLayer) -> None:
    space, scale = tiling_space(layer, ARRAY), word_scale(layer, ARRAY, WS)
    words = np.broadcast_to(dram_words(layer, scale, 1.0, space.maps, space.channels), space.fits.shape)
    weights = np.broadcast_to(weight_words(layer, scale, space.maps, space.channels), space.fits.shape)
    for place in np.argwhere(space.fits).tolist()[::97]:
        tile = space.at(tuple(place))
        trips = {"s": tile.map_tiles, "c": tile.in_tiles, "k": 1 if layer.is_depthwise else tile.out_tiles}
        inputs, outputs = tile.extent_total * layer.in_channels, layer.out_pixels * layer.out_channels

        def fetches(order: tuple[str, ...], tensor: str, trips: dict[str, float] = trips) -> float:
            innermost = max(order.index(loop) for loop in tensor)
            return prod(trips[loop] for loop in order[:innermost] if loop not in tensor)

        found = set()
        for order in permutations("sck"):
            once = layer.is_depthwise or fetches(order, "ck")
            total = inputs * fetches(order, "sc") + outputs * (2 * fetches(order, "sk") - 1) + layer.weights * once
            found.add((total, layer.weights * once))
        least = min(total for total, _ in found)
        assert (words[tuple(place)], weights[tuple(place)]) in {one for one in found if one[0] == least}


def test_weights_of_their_own_memory_move_beside_the_maps() -> None:
    apart = replace(ARRAY, dram=replace(ARRAY.dram, weight_bytes_per_second=ARRAY.dram.bytes_per_second))
    slow = replace(ARRAY, dram=replace(apart.dram, weight_bytes_per_second=1e6, weight_latency_cycles=1000))
    assert cycles(LAYER, apart) < cycles(LAYER, ARRAY)
    assert cycles(LAYER, slow) > LAYER.weights * 2 / 1e6 * ARRAY.array.clock_hz
    assert slow.latency_cycles == 1000


def test_requests_in_flight_hide_all_but_the_bandwidth() -> None:
    flying = replace(ARRAY, dram=replace(ARRAY.dram, pipelined=True))
    one = best_tilings(LAYER, tiling_space(LAYER, flying), flying)[WS]
    assert one.cycles.total == max(one.cycles.array, one.dram_words / 8)


@pytest.mark.parametrize("layer", [LAYER, DEPTHWISE, replace(LAYER, groups=1, in_channels=3)])
def test_systolic_blocks_load_stream_and_cross_one_after_the_other(layer: ConvLayer) -> None:
    """Walk the blocks of a layer that fits the buffer at once."""
    roomy = replace(SYSTOLIC, buffer=replace(SYSTOLIC.buffer, bytes=2**24, input_bytes=None, weight_bytes=None,
                                             output_bytes=None))  # fmt: skip
    pairs = range(layer.kernel_size * layer.group_in_channels)
    total = 0
    for _ in range(layer.groups):
        for _, _ in ((a, b) for a in chunks(pairs, 32) for b in chunks(range(layer.group_out_channels), 32)):
            load, cross = 32, 32 + 32 - 2
            total += load + layer.out_pixels + cross
    assert best_tilings(layer, tiling_space(layer, roomy), roomy)[WS].cycles.array == total


def test_an_array_of_one_dataflow_rejects_none() -> None:
    report = simulate_workload(Workload(name="net", layers=(LAYER,)), SYSTOLIC)
    assert report.costed[0].rejected is None
    assert report.to_json()["layers"][0]["rejected"] is None
    with pytest.raises(SimulatorError, match="'row-stationary': is none of systolic-32x32; use one of best, weight_st"):
        simulate_workload(Workload(name="net", layers=(LAYER,)), SYSTOLIC, dataflow="row-stationary")
