"""Output blocks: a block of outputs stays in accumulators while inputs and weights pass, as in Arm's Ethos-U.

A step computes a few pixels of a few output channels at once, and each of these adds up several products in a cycle
(`OutputBlocks`). A block is as many steps as its inputs and accumulators have memory for. Its inputs are fetched for
it alone, so that blocks side by side fetch what they share twice, and blocks of other output channels fetch all again.

Source of the step, the memory and the choice of blocks: Arm's compiler ethos-u-vela 5.2 (Apache 2.0), whose
`architecture_features`, `architecture_allocator` and `npu_performance` describe the hardware to estimate its cycles.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import numpy as np

from sqnxt_sim.errors import NoRoomError, SimulatorError
from sqnxt_sim.machine.accelerator import Accelerator, Dataflow
from sqnxt_sim.machine.axes import Array
from sqnxt_sim.machine.on_chip import OutputBlocks
from sqnxt_sim.machine.tiling import Tiling, WordScale, cycles_per_mac, word_scale
from sqnxt_sim.machine.tiling_cost import Cycles, Energy, TilingCost, overlapped_cycles
from sqnxt_sim.workload import ConvLayer


class Block(NamedTuple):
    """Sizes of a block, and the words that all blocks of a layer fetch for the array."""

    rows: int
    cols: int
    channels: int
    blocks: float
    inputs: float
    weights: float


def best_blocks(layer: ConvLayer, accelerator: Accelerator) -> TilingCost:
    """Return the cost of a layer in the blocks that fetch the fewest words.

    Raises:
        SimulatorError: The accelerator does not say how it computes blocks, or no block fits their memory.
    """
    blocks = accelerator.blocks
    if blocks is None:
        raise SimulatorError(accelerator.name, "has no section [blocks]", "add it, as in the preset ethos-u65-256")
    scale = word_scale(layer, accelerator, Dataflow.OUTPUT_BLOCK)
    block = choose_block(layer, accelerator, blocks)
    on_array, joining = array_cycles(layer, block, accelerator, blocks), join_operations(layer, blocks)
    maps, weights = map_words(layer, block, scale), layer.weights * scale.stored_weight
    on_chip = scale.activation * (block.inputs + layer.out_pixels * layer.out_channels) + scale.weight * block.weights
    macs, table, words = layer.out_pixels * layer.weights, accelerator.energy, maps + weights
    return TilingCost(
        dataflow=Dataflow.OUTPUT_BLOCK,
        tiling=Tiling(
            rows=block.rows, cols=block.cols, in_channels=layer.group_in_channels, out_channels=block.channels
        ),
        cycles=_cycles(on_array, block, maps, weights, accelerator),
        energy=Energy(
            mac=table.mac * macs * scale.activation * scale.weight,
            # A sum of products is added to an accumulator, which is read and written.
            register_file=table.register_file * 2 * macs / min(blocks.in_channels, layer.group_in_channels),
            buffer=table.buffer * (on_chip + words),
            dram=table.dram * words,
            vector=0.0 if accelerator.vector is None else accelerator.vector.operation_energy * joining,
        ),
        executed_macs=macs,
        dram_words=words,
        buffer_words=_block_bytes(layer, accelerator, blocks, block.rows, block.cols, block.channels).item()
        * 8
        / accelerator.array.word_bits,
    )


def choose_block(layer: ConvLayer, accelerator: Accelerator, blocks: OutputBlocks) -> Block:
    """Return the block that fetches the fewest inputs and weights; of equal ones the smallest."""
    rows = _multiples(blocks.pixel_rows, layer.out_height, blocks.max_rows)[:, None, None]
    cols = _multiples(blocks.pixel_cols, layer.out_width, blocks.max_cols)[None, :, None]
    k = layer.out_channels if layer.is_depthwise else layer.group_out_channels
    depths = _multiples(blocks.out_channels, k, blocks.max_channels)[None, None, :]
    fits = _block_bytes(layer, accelerator, blocks, rows, cols, depths) <= blocks.block_bytes
    if not fits.any():
        raise NoRoomError(
            f"layer {layer.name!r}",
            f"not even the smallest block fits the {blocks.block_bytes} bytes of {accelerator.name}",
            "use an accelerator with more memory for blocks",
        )
    high, wide = np.ceil(layer.out_height / rows), np.ceil(layer.out_width / cols)
    maps = high * wide
    deep = np.ceil(k / depths)
    groups = 1 if layer.is_depthwise else layer.groups
    channels = layer.in_channels if layer.is_depthwise else layer.group_in_channels * deep
    # The sum over blocks of (rows - 1) * stride + kernel, whose last one may be smaller.
    input_rows = layer.out_height * layer.stride_height + high * (layer.span_height - layer.stride_height)
    input_cols = layer.out_width * layer.stride_width + wide * (layer.span_width - layer.stride_width)
    inputs = groups * input_rows * input_cols * channels
    weights = layer.weights * maps + 0 * deep
    words = np.where(fits, inputs + weights, np.inf)
    place = np.unravel_index(int(words.argmin()), words.shape)
    return Block(
        *(int(np.broadcast_to(size, words.shape)[place]) for size in (rows, cols, depths)),
        *(float(np.broadcast_to(figure, words.shape)[place]) for figure in (groups * maps * deep, inputs, weights)),
    )


def array_cycles(layer: ConvLayer, block: Block, accelerator: Accelerator, blocks: OutputBlocks) -> float:
    """Return the cycles of all blocks: products, or what passes to or from the array if that takes longer.

    Outputs of a block leave while the next one is computed. Groups are put together at the end by the vector unit.

    Example, on Ethos-U65 with 256 MACs: a 3x1 kernel from 16 to 32 channels on a map of 28x28 is 14 * 14 steps of four
    channel blocks. Its three taps and twice eight channels are 2 steps of four cycles each, so that the products take
    196 * 4 * 2 * 4 = 6272 cycles. The 25088 outputs leave at four a cycle in 6272 cycles too.
    """
    outputs = layer.out_pixels * layer.out_channels
    limits = accelerator.buffer.words_per_cycle
    products = steps(layer, blocks) * blocks.step_cycles * cycles_per_mac(layer, accelerator.array)
    inputs, weights, leaving = (
        0.0 if limit is None else words / limit
        for words, limit in zip((block.inputs, block.weights, outputs), limits, strict=True)
    )
    longest, shortest = max(products, leaving), min(products, leaving)
    vector = 0.0 if accelerator.vector is None else 1 / accelerator.vector.operations_per_cycle
    return max(longest + shortest / block.blocks, inputs, weights) + join_operations(layer, blocks) * vector


def steps(layer: ConvLayer, blocks: OutputBlocks) -> int:
    """Return the steps of a layer. The cycles of a step cover more channels of one tap, or more taps: what takes fewer.

    Example: eight channels in each of four cycles are 32 channels of one tap, or 8 channels of four taps.
    """
    pixels = ceil(layer.out_height / blocks.pixel_rows) * ceil(layer.out_width / blocks.pixel_cols)
    if layer.out_height == 1 and layer.kernel_height == 1:
        # The rows of a step turn to columns.
        pixels = ceil(layer.out_width / (blocks.pixel_rows * blocks.pixel_cols))
    by_taps = ceil(layer.kernel_size / blocks.step_cycles)
    if layer.is_depthwise:
        return pixels * by_taps * ceil(layer.out_channels / blocks.out_channels)
    c, deep = layer.group_in_channels, ceil(layer.group_out_channels / blocks.out_channels)
    by_channels = layer.kernel_size * ceil(c / (blocks.in_channels * blocks.step_cycles))
    return pixels * min(by_channels, by_taps * ceil(c / blocks.in_channels)) * deep * layer.groups


def join_operations(layer: ConvLayer, blocks: OutputBlocks) -> float:
    """Return the operations that put the outputs of groups together; channel by channel needs none."""
    if layer.groups == 1 or layer.is_depthwise:
        return 0.0
    return blocks.join_operations * layer.out_pixels * layer.out_channels


def map_words(layer: ConvLayer, block: Block, scale: WordScale) -> float:
    """Return the words of maps between DRAM and chip, as stored; blocks read a map in DRAM without a detour."""
    return block.inputs * scale.stored_input + layer.out_pixels * layer.out_channels * scale.stored_output


def _cycles(on_array: float, block: Block, maps: float, weights: float, accelerator: Accelerator) -> Cycles:
    """Return the cycles by component; the first block's share of maps and weights overlaps with nothing.

    Weights cross once, because the buffer holds them for all blocks.
    """
    moving, latency = accelerator.transfer_cycles(maps, weights), accelerator.latency_cycles
    if accelerator.dram.pipelined:
        return overlapped_cycles(on_array, moving)
    exposed = moving / block.blocks
    return Cycles(
        array=on_array,
        dram_bandwidth=moving - exposed,
        dram_latency=0.0,
        fill_drain=2 * latency + exposed,
        last_tile=on_array / block.blocks,
        array_fill_drain=0.0,
    )


def _multiples(of: int, whole: int, most: int) -> Array:
    """Return the multiples of `of` up to the first that covers `whole`, and up to `most`."""
    return np.arange(of, min(most, ceil(whole / of) * of) + 1, of, dtype=np.float64)


def _extent(layer: ConvLayer, rows: Array, cols: Array) -> Array:
    """Return the input pixels of a block, padding included."""
    extent: Array = ((rows - 1) * layer.stride_height + layer.span_height) * (
        (cols - 1) * layer.stride_width + layer.span_width
    )
    return extent


def _block_bytes(
    layer: ConvLayer, accelerator: Accelerator, blocks: OutputBlocks, rows: Array | int, cols: Array | int,
    channels: Array | int,
) -> Array:  # fmt: skip
    """Return the bytes of a block's inputs and accumulators, each twice: one is filled while the other is used."""
    bits = layer.activation_bits or accelerator.array.word_bits
    step = blocks.in_channels * blocks.step_cycles
    most = ceil(min(layer.group_in_channels, step) / blocks.in_channels) * blocks.in_channels
    deep = channels if layer.is_depthwise else most
    rows, cols = np.asarray(rows, dtype=np.float64), np.asarray(cols, dtype=np.float64)
    inputs = 2 * _extent(layer, rows, cols) * deep * bits / 8
    sums = 2 * rows * cols * channels * blocks.accumulator_bits / 8
    inputs = np.ceil(inputs / blocks.input_granule_bytes) * blocks.input_granule_bytes
    size: Array = inputs + np.ceil(sums / blocks.accumulator_granule_bytes) * blocks.accumulator_granule_bytes
    return size
