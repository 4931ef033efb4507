"""The vectorised search equals a plain loop over every tile of the same space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, permutations, product
from math import ceil, inf, prod
from typing import NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sqnxt_sim import Accelerator, ConvLayer, Dataflow, PEArray, SimulatorError, TilingCost, load_accelerator
from sqnxt_sim.machine.dataflows import TILED
from sqnxt_sim.machine.tile_search import best_tilings
from sqnxt_sim.machine.tiling import tiling_space

SMALL = load_accelerator("squeezelerator-8x8")


@st.composite
def layers(draw: st.DrawFn) -> ConvLayer:
    def number(low: int, high: int) -> int:
        return draw(st.integers(low, high))

    groups = draw(st.sampled_from([1, 1, 2, 3, 5]))
    depthwise = draw(st.booleans())
    fields = {
        "in_channels": groups if depthwise else groups * number(1, 9),
        "out_channels": groups * number(1, 9),
        "kernel_height": number(1, 4),
        "kernel_width": number(1, 4),
        "stride_height": number(1, 3),
        "stride_width": number(1, 3),
        "dilation_width": number(1, 2),
        **{f"pad_{side}": number(0, 2) for side in ("top", "left", "bottom", "right")},
        "in_height": number(1, 9),
        "in_width": number(1, 9),
        "weight_bits": draw(st.sampled_from([8, 16])),
        "activation_bits": draw(st.sampled_from([8, 16])),
    }
    if draw(st.booleans()):  # rows and columns alike, of which the search leaves mirrored tiles out
        for row, col in (("height", "width"), ("top", "left"), ("bottom", "right")):
            fields |= {key.replace(row, col): value for key, value in fields.items() if key.endswith(row)}
        fields["dilation_width"] = 1
    try:
        layer = ConvLayer(name="layer", groups=groups, **fields)
    except SimulatorError:
        assume(False)
    return replace(layer, nonzero_weights=number(0, layer.weights))


@st.composite
def accelerators(draw: st.DrawFn) -> Accelerator:
    sides = st.sampled_from([2, 3, 4, 8])
    rows = draw(sides)
    array = replace(
        SMALL.array,
        rows=rows,
        cols=draw(st.one_of(st.just(rows), sides)),
        partial_sums_per_pe=draw(st.integers(1, 5)),
        multiplier_bits=draw(st.sampled_from([None, None, 8])),
        multipliers_per_pe=draw(st.sampled_from([1, 2])),
    )
    buffer = replace(SMALL.buffer, bytes=draw(st.sampled_from([300, 600, 1500, 4000])))
    index_bits = st.sampled_from([None, 0, 4])
    dram = replace(
        SMALL.dram,
        weight_index_bits=draw(index_bits),
        weight_stationary_index_bits=draw(index_bits),
        latency_cycles=draw(st.sampled_from([0, 7, 100])),
        bytes_per_second=draw(st.sampled_from([1e9, 16e9, 64e9])),
    )
    return replace(SMALL, array=array, buffer=buffer, dram=dram)


def tiles(size: int, step: int) -> list[tuple[int, ...]]:
    """Return (begin, end) of each tile."""
    return list(pairwise([*range(0, size, step), size]))


def rows_read(begin: int, end: int, size: int, span: int, stride: int, pad: int) -> int:
    """Count the input rows that output rows begin..end-1 read; a kernel of one row skips the rows between."""
    starts = [y * stride - pad for y in range(begin, end)]
    rows = set(starts) if span == 1 else set(range(starts[0], starts[-1] + span))
    return len(rows & set(range(size)))


def dram_words(trips: dict[str, int], inputs: float, weights: float, outputs: float) -> float:
    """Return the least traffic over the six orders of the loops over map (s), input (c) and output channels (k)."""

    def fetches(order: tuple[str, str, str], tensor: str) -> int:
        innermost = max(order.index(loop) for loop in tensor)
        return prod(trips[loop] for loop in order[:innermost] if loop not in tensor)

    return min(
        inputs * fetches(o, "sc") + weights * fetches(o, "ck") + outputs * (2 * fetches(o, "sk") - 1)
        for o in permutations("sck")
    )


def cycles_of_a_mac(layer: ConvLayer, array: PEArray) -> float:
    if array.multiplier_bits is None:
        return 1
    return ceil(layer.activation_bits / 8) * ceil(layer.weight_bits / 8) / array.multipliers_per_pe


def stored_words(layer: ConvLayer, accelerator: Accelerator, dataflow: Dataflow) -> float:
    """Return the words of a weight in DRAM: dense, or nonzero ones with an index each if that is less."""
    dense, dram = layer.weight_bits / 16, accelerator.dram
    stationary = dataflow is Dataflow.WEIGHT_STATIONARY
    index_bits = dram.weight_stationary_index_bits if stationary else dram.weight_index_bits
    if index_bits is None:
        return dense
    return min(dense, layer.nonzero_weights * (layer.weight_bits + index_bits) / 16 / layer.weights)


class Figures(NamedTuple):
    """What the search compares, and the time that follows."""

    cost: float
    dram_words: float
    tile: tuple[int, int, int, int]
    time: float


def every_tiling(layer: ConvLayer, accelerator: Accelerator, dataflow: Dataflow) -> Iterator[Figures]:
    """Yield every tile that fits, in order of size; term by term as the model is described."""
    array = accelerator.array
    pr, pc, sums = array.rows, array.cols, array.partial_sums_per_pe
    bandwidth, latency = accelerator.dram_words_per_cycle, accelerator.dram.latency_cycles
    a, w = layer.activation_bits / array.word_bits, layer.weight_bits / array.word_bits
    mac, stored = cycles_of_a_mac(layer, array), stored_words(layer, accelerator, dataflow)
    c, k, g = layer.group_in_channels, layer.group_out_channels, layer.groups
    if layer.is_depthwise:
        channel_tiles = [(1, n * k) for n in range(1, g + 1)]
    else:
        channel_tiles = list(product(sorted({1, c, *range(pr, c, pr)}), sorted({k, *range(pc, k, pc)})))
    vertical = (layer.in_height, layer.span_height, layer.stride_height, layer.pad_top)
    horizontal = (layer.in_width, layer.span_width, layer.stride_width, layer.pad_left)
    for ty, tx in product(range(1, layer.out_height + 1), range(1, layer.out_width + 1)):
        ys, xs = tiles(layer.out_height, ty), tiles(layer.out_width, tx)
        heights = [rows_read(*y, *vertical) for y in ys]
        widths = [rows_read(*x, *horizontal) for x in xs]
        pixels = [(y[1] - y[0], x[1] - x[0]) for y, x in product(ys, xs)]
        blocks = sum(ceil(h / pr) * ceil(v / pc) for h, v in pixels)
        stream = sum(max(h * v * mac, pr) for h, v in pixels)
        for tc, tk in channel_tiles:
            inputs = max(heights) * max(widths) * (tk // k if layer.is_depthwise else tc) * a
            weights, outputs = layer.kernel_size * tc * tk, ty * tx * tk * a
            if accelerator.buffer.capacity_divisor * (inputs + weights * w + outputs) > accelerator.buffer_words:
                continue
            read = sum(heights) * sum(widths) * a
            if layer.is_depthwise:
                trips = {"s": len(pixels), "c": 1, "k": ceil(g / (tk // k))}
                rounds = prod(trips.values())
                moved = (read + layer.kernel_size * k * stored + layer.out_pixels * k * a) * g
                in_blocks, out_blocks, loads_of = 1, ceil(k / pc), ceil(k / sums)
            else:
                in_tiles, out_tiles = tiles(c, tc), tiles(k, tk)
                trips = {"s": len(pixels), "c": len(in_tiles), "k": len(out_tiles)}
                rounds = prod(trips.values()) * g
                moved = g * dram_words(trips, read * c, layer.weights / g * stored, layer.out_pixels * k * a)
                in_blocks = sum(ceil((e - b) / pr) for b, e in in_tiles)
                out_blocks = sum(ceil((e - b) / pc) for b, e in out_tiles)
                loads_of = sum(ceil((e - b) / sums) for b, e in out_tiles)
            if dataflow is Dataflow.WEIGHT_STATIONARY:
                cycles = g * layer.kernel_size * in_blocks * out_blocks * stream
            else:
                high = pr if layer.span_height == 1 else (pr - 1) * layer.stride_height + layer.span_height
                loads = blocks * g * c * loads_of * high
                drain = blocks * layer.out_channels * trips["c"] * pr
                cycles = max(blocks * layer.nonzero_weights * mac, loads) + drain
            cycles += 2 * rounds * (pr + pc)
            exposed = inputs + weights * stored + outputs
            hidden = max(moved - exposed, 0) / bandwidth + latency * (rounds - 1)
            overlapped = max(cycles * (rounds - 1) / rounds, hidden)
            time = 2 * latency + exposed / bandwidth + overlapped + cycles / rounds
            yield Figures(cycles + moved / bandwidth, moved, (ty, tx, tc, tk), time)


@settings(max_examples=400, deadline=None)
@given(layers(), accelerators(), st.sampled_from(TILED))
def test_search_equals_brute_force(layer: ConvLayer, accelerator: Accelerator, dataflow: Dataflow) -> None:
    """The search finds the very tile: least cost, then fewest DRAM words, then the first in order of size."""
    every = list(every_tiling(layer, accelerator, dataflow))
    if not every:
        with pytest.raises(SimulatorError, match="buffer"):
            tiling_space(layer, accelerator)
        return
    least = min(one.cost for one in every)
    cheapest = [one for one in every if one.cost <= least * (1 + 1e-12)]
    fewest = min(one.dram_words for one in cheapest)
    wanted = next(one for one in cheapest if one.dram_words <= fewest * (1 + 1e-12))
    found = best_tilings(layer, tiling_space(layer, accelerator), accelerator)[dataflow]
    assert minimised(found, accelerator) == pytest.approx(least, rel=1e-9)
    assert found.dram_words == pytest.approx(fewest, rel=1e-9)
    assert tuple(getattr(found.tiling, name) for name in found.tiling.__slots__) == wanted.tile
    assert found.cycles.total == pytest.approx(wanted.time, rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(layers(), accelerators(), st.sampled_from(TILED))
def test_invariants_of_one_layer(layer: ConvLayer, accelerator: Accelerator, dataflow: Dataflow) -> None:
    cost = solve(layer, accelerator, dataflow)
    assume(cost is not None)
    activation, weight = layer.activation_bits / 16, layer.weight_bits / 16
    assert cost.executed_macs <= layer.macs
    mac = accelerator.array.cycles_per_mac(layer.activation_bits, layer.weight_bits)
    assert cost.cycles.array >= cost.executed_macs * mac / accelerator.array.size - 1e-9
    needed = layer.weights * min(weight, stored_words(layer, accelerator, dataflow))
    needed += layer.out_pixels * layer.out_channels * activation
    assert cost.dram_words >= needed - 1e-9
    assert cost.buffer_words * accelerator.buffer.capacity_divisor <= accelerator.buffer_words
    assert cost.energy.total == pytest.approx(sum(getattr(cost.energy, part) for part in cost.energy.__slots__))


@settings(max_examples=100, deadline=None)
@given(layers(), accelerators(), st.sampled_from(TILED), st.floats(1, 4), st.floats(0, 1))
def test_minimised_cost_never_rises_with_better_hardware_or_more_zeros(
    layer: ConvLayer, accelerator: Accelerator, dataflow: Dataflow, factor: float, kept: float
) -> None:
    """This holds for what the search minimises only. The time of the tiling that it chooses can rise, see below."""
    cost = objective(layer, accelerator, dataflow)
    assume(cost < inf)
    limit = cost * (1 + 1e-9)
    dram = replace(accelerator.dram, bytes_per_second=accelerator.dram.bytes_per_second * factor)
    buffer = replace(accelerator.buffer, bytes=int(accelerator.buffer.bytes * factor))
    assert objective(layer, replace(accelerator, dram=dram), dataflow) <= limit
    assert objective(layer, replace(accelerator, buffer=buffer), dataflow) <= limit
    assert objective(replace(layer, nonzero_weights=int(layer.nonzero_weights * kept)), accelerator, dataflow) <= limit


def test_time_may_rise_with_a_larger_buffer() -> None:
    """With room for the whole layer in one tile, transfers and array cycles are fewest, but nothing overlaps any more.

    The layer moves 8448 words in 1056 cycles, and streams 256 pixels past 4 blocks of weights in 1024.
    """
    layer = ConvLayer(name="layer", in_channels=16, out_channels=16, in_height=16, in_width=16)
    roomy = replace(SMALL, buffer=replace(SMALL.buffer, bytes=2 * SMALL.buffer.bytes))
    two, one = (best_tilings(layer, tiling_space(layer, x), x)[Dataflow.WEIGHT_STATIONARY] for x in (SMALL, roomy))
    assert (two.tiling.rows, one.tiling.rows) == (8, 16)
    assert (two.dram_words, one.dram_words) == (8448, 8448)
    assert (minimised(two, SMALL), minimised(one, roomy)) == (1024 + 64 + 1056, 1024 + 32 + 1056)
    # Two tiles: the first load and the last store move 4352 words; the second tile's work is exposed.
    assert two.cycles.total == 200 + 4352 / 8 + max(544, 4096 / 8 + 100) + 544
    assert one.cycles.total == 200 + 1056 + 1056


def solve(layer: ConvLayer, accelerator: Accelerator, dataflow: Dataflow) -> TilingCost | None:
    try:
        return best_tilings(layer, tiling_space(layer, accelerator), accelerator)[dataflow]
    except SimulatorError:
        return None


def minimised(cost: TilingCost, accelerator: Accelerator) -> float:
    return cost.cycles.array + cost.dram_words / accelerator.dram_words_per_cycle


def objective(layer: ConvLayer, accelerator: Accelerator, dataflow: Dataflow) -> float:
    cost = solve(layer, accelerator, dataflow)
    return inf if cost is None else minimised(cost, accelerator)
