"""Output blocks: steps equal those of an executed loop nest, and the block is the one that fetches least."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import ceil

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sqnxt_sim import (
    Bound,
    ConvLayer,
    Dataflow,
    OffArrayNode,
    OffArrayReason,
    OutputBlocks,
    SimulatorError,
    VectorWork,
    Workload,
    load_accelerator,
    simulate_workload,
)
from sqnxt_sim.machine.layer_costs import vector_cost
from sqnxt_sim.machine.output_block import best_blocks, choose_block, steps
from tests.helpers.reference_machine import chunks

U65 = load_accelerator("ethos-u65-256")
BLOCKS = U65.blocks
assert BLOCKS is not None


def executed_steps(layer: ConvLayer, blocks: OutputBlocks, *, by_taps: bool) -> int:
    """Walk the steps of a layer: pixels, output channels, and then channels of one tap or taps of some channels.

    Every product of an output is done exactly once.
    """
    count, done = 0, 0
    taps, c, k = layer.kernel_size, layer.group_in_channels, layer.group_out_channels
    deep = 1 if by_taps else blocks.step_cycles
    outs = [range(layer.out_channels)] if layer.is_depthwise else chunks(range(layer.out_channels), k)
    for group in outs:
        for ys, xs, filters, kernel, ins in product(
            chunks(range(layer.out_height), blocks.pixel_rows),
            chunks(range(layer.out_width), blocks.pixel_cols),
            chunks(group, blocks.out_channels),
            chunks(range(taps), blocks.step_cycles if by_taps else 1),
            chunks(range(c), blocks.in_channels * deep),
        ):
            count += 1
            done += len(ys) * len(xs) * len(filters) * len(kernel) * len(ins)
    assert done == layer.macs
    return count


@st.composite
def layers(draw: st.DrawFn) -> ConvLayer:
    groups = draw(st.sampled_from([1, 1, 2, 6]))
    depthwise = groups > 1 and draw(st.booleans())
    try:
        layer = ConvLayer(
            name="layer",
            in_channels=groups if depthwise else groups * draw(st.integers(1, 40)),
            out_channels=groups * draw(st.integers(1, 20)),
            in_height=draw(st.integers(2, 9)),
            in_width=draw(st.integers(1, 9)),
            kernel_height=draw(st.integers(1, 3)),
            kernel_width=draw(st.integers(1, 3)),
            stride_height=draw(st.integers(1, 2)),
            groups=groups,
        )
    except SimulatorError:
        assume(False)
        raise
    assume(layer.out_height > 1)  # a single row turns the step around
    return layer


@settings(max_examples=60, deadline=None)
@given(layers())
def test_steps_equal_those_of_the_loop_nest(layer: ConvLayer) -> None:
    counts = [executed_steps(layer, BLOCKS, by_taps=True)]
    if not layer.is_depthwise:
        counts.append(executed_steps(layer, BLOCKS, by_taps=False))
    assert steps(layer, BLOCKS) == min(counts)


@settings(max_examples=60, deadline=None)
@given(layers())
def test_the_array_does_no_more_than_it_can(layer: ConvLayer) -> None:
    cost = best_blocks(layer, U65)
    assert cost.cycles.array >= layer.macs / U65.peak_macs_per_cycle
    assert cost.executed_macs == layer.macs
    assert cost.buffer_words <= BLOCKS.block_bytes


@settings(max_examples=20, deadline=None)
@given(layers())
def test_the_block_fetches_least(layer: ConvLayer) -> None:
    def fetched(rows: int, cols: int, channels: int) -> int | None:
        deep = channels if layer.is_depthwise else min(32, ceil(layer.group_in_channels / 8) * 8)
        height = (rows - 1) * layer.stride_height + layer.kernel_height
        size = height * (cols - 1 + layer.kernel_width) * deep
        if ceil(2 * size / 8192) * 8192 + ceil(2 * rows * cols * channels * 4 / 16384) * 16384 > 45056:
            return None
        ys, xs = chunks(range(layer.out_height), rows), chunks(range(layer.out_width), cols)
        k = layer.out_channels if layer.is_depthwise else layer.group_out_channels
        again = 1 if layer.is_depthwise else ceil(k / channels)
        read = sum(
            ((len(y) - 1) * layer.stride_height + layer.kernel_height) * (len(x) - 1 + layer.kernel_width)
            for y, x in product(ys, xs)
        )
        return read * layer.in_channels * again + layer.weights * len(ys) * len(xs)

    sizes = product(range(2, 12, 2), range(2, 12, 2), range(8, 129, 8))
    block = choose_block(layer, U65, BLOCKS)
    assert block.inputs + block.weights == min(x for x in (fetched(*size) for size in sizes) if x is not None)


CONV = ConvLayer(name="conv", in_channels=16, out_channels=32, in_height=28, in_width=28, kernel_height=3, pad_top=1,
                 pad_bottom=1, weight_bits=8, activation_bits=8)  # fmt: skip


def test_the_example_of_array_cycles() -> None:
    cost = best_blocks(CONV, U65)
    assert steps(CONV, BLOCKS) * BLOCKS.step_cycles == 6272 == CONV.out_pixels * CONV.out_channels / 4
    assert 6272 < cost.cycles.array < 1.2 * 6272
    assert cost.dataflow is Dataflow.OUTPUT_BLOCK


def test_a_grouped_convolution_runs_as_one_for_each_group_and_is_joined() -> None:
    grouped = replace(CONV, groups=2)
    one = replace(CONV, in_channels=8, out_channels=16)
    assert steps(grouped, BLOCKS) == 2 * steps(one, BLOCKS)
    joined = CONV.out_pixels * 32 / U65.vector.operations_per_cycle
    apart = replace(U65, blocks=replace(BLOCKS, join_operations=0))
    assert best_blocks(grouped, U65).cycles.array - best_blocks(grouped, apart).cycles.array == pytest.approx(joined)


def test_maps_stay_in_the_buffer_and_the_networks_input_does_not() -> None:
    layers = (CONV, replace(CONV, name="next", in_channels=32))
    first, second = simulate_workload(Workload(name="net", layers=layers), U65).costed
    assert second.chosen.dram_words == second.layer.weights * 0 + 3 * 32 * 32
    block = choose_block(CONV, U65, BLOCKS)
    assert first.chosen.dram_words == 8 * block.inputs + CONV.weights  # 16 channels fill twice what 8 do
    assert [U65.dram.overfetch(channels) for channels in (3, 8, 64, 128, 256)] == [16, 16, 2, 1, 1]
    wide = replace(CONV, in_height=112, in_width=112)
    assert best_blocks(wide, U65).dram_words > CONV.out_channels * 112 * 112  # more than half of the buffer


def test_weights_in_a_flash_move_beside_the_maps() -> None:
    u55 = load_accelerator("ethos-u55-128")
    heavy = replace(CONV, in_channels=256, out_channels=256, in_height=4, in_width=4)
    assert best_blocks(heavy, u55).cycles.total == heavy.weights / 1  # 0.5 GB/s at 500 MHz
    assert u55.transfer_cycles(800, 10) == 100
    waiting = replace(u55, dram=replace(u55.dram, pipelined=False))
    assert best_blocks(heavy, waiting).cycles.total > heavy.weights


def test_what_is_missing_or_too_small_is_said() -> None:
    with pytest.raises(SimulatorError, match=r"^ethos-u65-256: has no section \[blocks\]; add it"):
        best_blocks(CONV, replace(U65, blocks=None))
    with pytest.raises(SimulatorError, match=r"^layer 'conv': not even the smallest block fits the 64 bytes"):
        best_blocks(CONV, replace(U65, blocks=replace(BLOCKS, block_bytes=64)))


def test_pooling_runs_at_its_own_rate_and_kept_values_need_no_dram() -> None:
    work = VectorWork(operations=9 * 1000, values_read=4000, values_written=1000, bits=8)
    node = OffArrayNode(name="pool", op="MaxPool", why=OffArrayReason.NOT_COSTED, reason="pooling", work=work)
    pool, add = (vector_cost(one, U65) for one in (node, replace(node, op="Add")))
    assert (pool.cycles, add.cycles) == (9000 / 32, 9000 / U65.vector.operations_per_cycle)
    assert (pool.dram_bytes, pool.energy.dram, pool.bound_by) == (0, 0, Bound.VECTOR_UNIT)
    large = replace(node, work=replace(work, values_read=400_000))
    assert vector_cost(large, U65).cycles == 401_000 / 3.75
    waiting = replace(U65, dram=replace(U65.dram, pipelined=False))
    assert vector_cost(large, waiting).cycles == 500 + 401_000 / 3.75
