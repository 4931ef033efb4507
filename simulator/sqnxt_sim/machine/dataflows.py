"""The two dataflows: array cycles and buffer words of a tiling.

Letters: Pr x Pc processing elements, kernels Kh x Kw, stride s, c input and k output channels in each
of g groups. Arrays range over a `TilingSpace`. All figures are for one image.
Source: SqueezeNext (arXiv 1803.10615), section 3, "Weight Stationary" and "Output Stationary".
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from sqnxt_sim.machine.accelerator import PEArray
from sqnxt_sim.machine.axes import Array
from sqnxt_sim.machine.tiling import TileBlocks, TilingSpace, WordScale
from sqnxt_sim.workload import ConvLayer


class Dataflow(StrEnum):
    """The operand that stays in the processing elements."""

    WEIGHT_STATIONARY = "weight_stationary"
    OUTPUT_STATIONARY = "output_stationary"


def array_cycles(dataflow: Dataflow, layer: ConvLayer, space: TilingSpace, array: PEArray) -> Array:
    """Return the array cycles of every tiling, without DRAM and fixed overheads."""
    if dataflow is Dataflow.WEIGHT_STATIONARY:
        return _weight_stationary_cycles(layer, space, array)
    return _output_stationary_cycles(layer, space, array)


def cycles_per_mac(layer: ConvLayer, array: PEArray) -> float:
    """Return the cycles of one MAC of the layer on a PE, with floats at the native width."""
    return array.cycles_per_mac(layer.activation_bits or array.word_bits, layer.weight_bits or array.word_bits)


def buffer_words(dataflow: Dataflow, layer: ConvLayer, tiles: TileBlocks, array: PEArray, scale: WordScale) -> float:
    """Return the native words between buffer and array for one tiling, without those between DRAM and buffer."""
    if dataflow is Dataflow.WEIGHT_STATIONARY:
        return _weight_stationary_words(layer, tiles, scale)
    return _output_stationary_words(layer, tiles, array, scale)


def executed_macs(dataflow: Dataflow, layer: ConvLayer) -> float:
    """Return the MACs that are executed for one image; output stationary skips zero weights."""
    weights = layer.weights if dataflow is Dataflow.WEIGHT_STATIONARY else _nonzero_weights(layer)
    return layer.out_pixels * weights


def register_file_accesses(dataflow: Dataflow, layer: ConvLayer) -> float:
    """Return the register file accesses of one image.

    A MAC reads its weight (weight stationary), or reads its input and reads and writes its partial sum (output
    stationary).
    """
    accesses_per_mac = 1 if dataflow is Dataflow.WEIGHT_STATIONARY else 3
    return accesses_per_mac * executed_macs(dataflow, layer)


def _weight_stationary_cycles(layer: ConvLayer, space: TilingSpace, array: PEArray) -> Array:
    """Return the cycles of streaming every tile's pixels past every Pr x Pc block of weights.

    The next block of weights loads while pixels stream. Loading takes Pr cycles, so a tile with fewer pixels waits.

    Example: on 16x16 PEs, a 3x3 kernel with 32 input and 64 output channels is 9 * 2 * 4 = 72 blocks of weights. A map
    of 13x13 in one tile streams 169 pixels past each, which takes 72 * 169 = 12168 cycles. In tiles of 13x1 it takes
    13 * 16 cycles a block instead of 169, because 13 pixels do not cover the 16 cycles of loading.
    """
    rows, cols, mac = space.rows, space.cols, cycles_per_mac(layer, array)
    fill = array.rows / mac
    full_rows, full_cols = rows.tiles - 1, cols.tiles - 1
    stream = (
        full_rows * full_cols * np.maximum(rows.size * cols.size, fill)
        + full_rows * np.maximum(rows.size * cols.last, fill)
        + full_cols * np.maximum(rows.last * cols.size, fill)
        + np.maximum(rows.last * cols.last, fill)
    )
    blocks = space.in_channels.blocks * space.out_channels.blocks
    return (mac * layer.groups * layer.kernel_size) * blocks * stream


def _output_stationary_cycles(layer: ConvLayer, space: TilingSpace, array: PEArray) -> Array:
    """Return the cycles of broadcasting every nonzero weight, one a cycle, to each Pr x Pc block of output pixels.

    Inputs are loaded once for as many output channels as a PE has partial sums. Results drain one row of PEs a cycle.

    Example: on 16x16 PEs, the layer of `_weight_stationary_cycles` (18432 weights, none zero) has one block of pixels.
    The steps take 18432 cycles, and draining 64 channels takes 64 * 16 = 1024. With half of the weights zero, the steps
    take 9216 cycles.
    """
    pixel_blocks = space.rows.blocks * space.cols.blocks
    steps = pixel_blocks * (cycles_per_mac(layer, array) * _nonzero_weights(layer))
    loads = (
        pixel_blocks * (layer.in_channels * space.out_channels.register_blocks) * (_window(layer, array) / array.cols)
    )
    drain = pixel_blocks * (layer.out_channels * array.rows) * space.in_channels.tiles
    return np.maximum(steps, loads) + drain


def _weight_stationary_words(layer: ConvLayer, tiles: TileBlocks, scale: WordScale) -> float:
    """Count pixels (padding too) for each block of weights, and weights, as stored, for each tile of the map."""
    inputs = layer.out_pixels * layer.kernel_size * layer.in_channels * tiles.out_blocks
    # The first partial sum of a pixel is written only. Every later one is read, added to and written back.
    sums = layer.out_pixels * layer.out_channels * (2 * layer.kernel_size * tiles.in_blocks - 1)
    return scale.activation * (inputs + sums) + scale.stored_weight * layer.weights * tiles.map_tiles


def _output_stationary_words(layer: ConvLayer, tiles: TileBlocks, array: PEArray, scale: WordScale) -> float:
    """Count windows of inputs, one nonzero weight a step, and the partial sums of each input channel tile."""
    pixel_blocks = tiles.pixel_blocks
    inputs = pixel_blocks * (layer.in_channels * tiles.register_blocks) * _window(layer, array)
    sums = layer.out_pixels * layer.out_channels * (2 * tiles.in_tiles - 1)
    return scale.activation * (inputs + sums) + scale.weight * pixel_blocks * _nonzero_weights(layer)


def _window(layer: ConvLayer, array: PEArray) -> int:
    """Return the input pixels that a Pr x Pc block of output pixels reads from a channel; a strided 1x1 skips some."""
    height = array.rows if layer.span_height == 1 else (array.rows - 1) * layer.stride_height + layer.span_height
    width = array.cols if layer.span_width == 1 else (array.cols - 1) * layer.stride_width + layer.span_width
    return height * width


def _nonzero_weights(layer: ConvLayer) -> float:
    return layer.weights if layer.nonzero_weights is None else layer.nonzero_weights
