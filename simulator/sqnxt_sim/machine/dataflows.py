"""The two dataflows that cut a layer to tiles: array cycles and buffer words of a tiling.

Letters: Pr x Pc processing elements, kernels Kh x Kw, stride s, c input and k output channels in each
of g groups. All figures are for one image.
Source: SqueezeNext (arXiv 1803.10615), section 3, "Weight Stationary" and "Output Stationary".
"""

from __future__ import annotations

import numpy as np

from sqnxt_sim.machine.accelerator import Dataflow, PEArray
from sqnxt_sim.machine.axes import Array
from sqnxt_sim.machine.candidates import ChannelTilings, MapTilings
from sqnxt_sim.machine.tiling import Tile, WordScale, cycles_per_mac
from sqnxt_sim.workload import ConvLayer

TILED = (Dataflow.WEIGHT_STATIONARY, Dataflow.OUTPUT_STATIONARY)
"""The dataflows here, in the order of the grids."""


def array_cycles(layer: ConvLayer, maps: MapTilings, channels: ChannelTilings, array: PEArray) -> Array:
    """Return the array cycles of every tiling, without its fill and drain: [dataflows, channel tilings, map tilings].

    In each dataflow they are a figure of the map's tiling times a figure of the channels' tiling.
    """
    of_map = np.array((maps.stream, maps.blocks))[:, None]
    weight_stationary = _weight_stationary_cycles(layer, channels, array)
    cycles: Array = of_map * np.array((weight_stationary, _output_stationary_cycles(layer, channels, array)))
    return cycles


def fill_drain_cycles(array: PEArray) -> int:
    """Return the cycles in which a round fills the array, from corner to corner, and drains it again.

    In a systolic array this is a part of every block of weights.
    """
    return 0 if array.systolic else 2 * (array.rows + array.cols)


def buffer_words(dataflow: Dataflow, layer: ConvLayer, tile: Tile, array: PEArray, scale: WordScale) -> float:
    """Return the native words between buffer and array for one tiling, without those between DRAM and buffer."""
    inputs, sums, weights = operand_words(dataflow, layer, tile, array)
    weight = scale.stored_weight if dataflow is Dataflow.WEIGHT_STATIONARY else scale.weight
    return scale.activation * (inputs + sums) + weight * weights


def operand_words(dataflow: Dataflow, layer: ConvLayer, tile: Tile, array: PEArray) -> tuple[float, float, float]:
    """Return the inputs, partial sums and weights between buffer and array; of a `Tile` of arrays, arrays."""
    if dataflow is Dataflow.WEIGHT_STATIONARY:
        return _weight_stationary_words(layer, tile)
    return _output_stationary_words(layer, tile, array)


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


def _weight_stationary_cycles(layer: ConvLayer, channels: ChannelTilings, array: PEArray) -> Array:
    """Return the cycles for each pixel of `MapTilings.stream`: all pixels stream past every Pr x Pc block of weights.

    The next block of weights loads while pixels stream. Loading takes Pr cycles, so a tile with fewer pixels waits.

    Example: on 16x16 PEs, a 3x3 kernel with 32 input and 64 output channels is 9 * 2 * 4 = 72 blocks of weights. A map
    of 13x13 in one tile streams 169 pixels past each, which takes 72 * 169 = 12168 cycles. In tiles of 13x1 it takes
    13 * 16 cycles a block instead of 169, because 13 pixels do not cover the 16 cycles of loading.
    """
    weight_blocks = channels.in_blocks * channels.out_blocks
    return weight_blocks * (cycles_per_mac(layer, array) * layer.groups * layer.kernel_size)


def _output_stationary_cycles(layer: ConvLayer, channels: ChannelTilings, array: PEArray) -> Array:
    """Return the cycles for each Pr x Pc block of output pixels: every nonzero weight is broadcast to it, one a cycle.

    Inputs are loaded once for as many output channels as a PE has partial sums, a row of the window a cycle. Results
    drain one row of PEs a cycle.

    Example: on 16x16 PEs, the layer of `_weight_stationary_cycles` (18432 weights, none zero) has one block of pixels.
    The steps take 18432 cycles, and draining 64 channels takes 64 * 16 = 1024. With half of the weights zero, the steps
    take 9216 cycles.
    """
    steps = cycles_per_mac(layer, array) * _nonzero_weights(layer)
    loads = channels.register_blocks * (layer.in_channels * _window_rows(layer, array))
    drain = channels.in_tiles * (layer.out_channels * array.rows)
    cycles: Array = np.maximum(steps, loads) + drain
    return cycles


def _weight_stationary_words(layer: ConvLayer, tile: Tile) -> tuple[float, float, float]:
    """Count pixels (padding too) for each block of weights, and weights for each tile of the map."""
    inputs = layer.out_pixels * layer.kernel_size * layer.in_channels * tile.out_blocks
    # The first partial sum of a pixel is written only. Every later one is read, added to and written back.
    sums = layer.out_pixels * layer.out_channels * (2 * layer.kernel_size * tile.in_blocks - 1)
    return inputs, sums, layer.weights * tile.map_tiles


def _output_stationary_words(layer: ConvLayer, tile: Tile, array: PEArray) -> tuple[float, float, float]:
    """Count windows of inputs, one nonzero weight a step, and the partial sums of each input channel tile."""
    window = _window_rows(layer, array) * _window_cols(layer, array)
    inputs = tile.pixel_blocks * (layer.in_channels * tile.register_blocks) * window
    sums = layer.out_pixels * layer.out_channels * (2 * tile.in_tiles - 1)
    return inputs, sums, tile.pixel_blocks * _nonzero_weights(layer)


def _window_rows(layer: ConvLayer, array: PEArray) -> int:
    """Return the input rows that a block of Pr output rows reads; a strided kernel of one row skips those between."""
    return array.rows if layer.span_height == 1 else (array.rows - 1) * layer.stride_height + layer.span_height


def _window_cols(layer: ConvLayer, array: PEArray) -> int:
    """Return the input columns that a block of Pc output columns reads."""
    return array.cols if layer.span_width == 1 else (array.cols - 1) * layer.stride_width + layer.span_width


def _nonzero_weights(layer: ConvLayer) -> float:
    return layer.weights if layer.nonzero_weights is None else layer.nonzero_weights
