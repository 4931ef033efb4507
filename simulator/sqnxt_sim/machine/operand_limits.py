"""What differs by operand in the tiled dataflows: bandwidth to the array, parts of the buffer, a memory for weights.

Each function is for an accelerator that names such a number. The presets of the SqueezeNext paper name none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sqnxt_sim.machine.accelerator import Accelerator, Dataflow
from sqnxt_sim.machine.axes import Array
from sqnxt_sim.machine.candidates import ChannelTilings, MapTilings
from sqnxt_sim.machine.dataflows import operand_words
from sqnxt_sim.machine.tiling import Tile, TilingSpace, WordScale
from sqnxt_sim.workload import ConvLayer


def limited_cycles(
    on_array: Array,
    dataflow: Dataflow,
    layer: ConvLayer,
    space: TilingSpace,
    accelerator: Accelerator,
    scale: WordScale,
) -> Array:
    """Return the array cycles of every tiling, or those in which an operand passes to or from the array if longer.

    The array writes partial sums while it reads others, so that the writes are what takes time.
    """
    grid = Tile._make((*space.maps, *space.channels, space.tile_words, space.rounds))
    inputs, sums, weights = operand_words(dataflow, layer, grid, accelerator.array)
    outputs = layer.out_pixels * layer.out_channels
    moved = (inputs * scale.activation, weights * scale.weight, (sums + outputs) / 2 * scale.activation)
    for words, limit in zip(moved, accelerator.buffer.words_per_cycle, strict=True):
        if limit is not None:
            on_array = np.maximum(on_array, words / limit)
    return on_array


def fits_parts(layer: ConvLayer, space: TilingSpace, accelerator: Accelerator, scale: WordScale) -> NDArray[np.bool_]:
    """Return which tilings fit the parts of the buffer that their operands have."""
    maps, channels, buffer = space.maps, space.channels, accelerator.buffer
    words = (
        maps.extent * channels.read_channels * scale.activation,
        channels.in_channels * channels.out_channels * (layer.kernel_size * scale.weight),
        maps.pixels * channels.out_channels * scale.activation,
    )
    fits = space.fits
    for tile_words, size in zip(words, (buffer.input_bytes, buffer.weight_bytes, buffer.output_bytes), strict=True):
        if size is not None:
            fits = fits & (buffer.copies * tile_words * accelerator.array.word_bits <= 8 * size)
    return fits


def weight_words(layer: ConvLayer, scale: WordScale, maps: MapTilings, channels: ChannelTilings) -> Array:
    """Return which of the words of `dram_words` are weights, in the order of loops that it takes."""
    weights, reloaded = layer.weights * scale.stored_weight, layer.weights * scale.stored_weight * maps.tiles
    if layer.is_depthwise:
        return weights + 0 * maps.tiles * channels.out_tiles
    inputs = maps.extent_total * (layer.in_channels * scale.stored_input)
    outputs, spilled = (
        layer.out_pixels * layer.out_channels * scale.stored_output,
        scale.output_words(layer, channels.in_tiles),
    )
    outs_innermost = inputs + reloaded + spilled
    maps_innermost, ins_innermost = weights + spilled, reloaded + outputs
    others = inputs * channels.out_tiles + np.minimum(ins_innermost, maps_innermost)
    again = (outs_innermost <= others) | (ins_innermost <= maps_innermost)
    return np.where(again, reloaded, weights)


def systolic_cycles(layer: ConvLayer, maps: MapTilings, channels: ChannelTilings, accelerator: Accelerator) -> Array:
    """Return the cycles of weight stationary where no block of weights overlaps with the next, as SCALE-Sim counts.

    A row of PEs holds any tap of any input channel. A block of weights loads, a row a cycle; then the pixels stream,
    and the last of them crosses the array from corner to corner.

    Example: on 32x32 PEs, a 3x3 kernel from 64 to 128 channels on a map of 56x56 is 18 * 4 blocks of weights. Each
    takes 32 cycles to load, 3136 to stream and 62 to cross: 72 * 3230 = 232560 cycles.
    """
    array = accelerator.array
    before = channels.in_tiles - 1
    last = layer.group_in_channels - before * channels.in_channels
    rows = before * np.ceil(layer.kernel_size * channels.in_channels / array.rows)
    blocks = (rows + np.ceil(layer.kernel_size * last / array.rows)) * channels.out_blocks * layer.groups
    stream = layer.out_pixels * array.cycles_per_mac(
        layer.activation_bits or array.word_bits, layer.weight_bits or array.word_bits
    )
    cycles: Array = blocks * (stream + maps.tiles * (2 * array.rows + array.cols - 2))
    return cycles
