"""What the array does with a tile: cycles and buffer words of the two dataflows.

Letters as in the model: Pr x Pc processing elements, kernels Kh x Kw, stride s, c input and k output channels in each
of g groups. Arrays are over a `TilingSpace`; everything is for one image.
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
    """Which operand stays in the processing elements."""

    WEIGHT_STATIONARY = "weight_stationary"
    OUTPUT_STATIONARY = "output_stationary"


def array_cycles(dataflow: Dataflow, layer: ConvLayer, space: TilingSpace, array: PEArray) -> Array:
    """Array cycles of every tiling; DRAM and fixed overheads excluded."""
    if dataflow is Dataflow.WEIGHT_STATIONARY:
        return _weight_stationary_cycles(layer, space, array)
    return _output_stationary_cycles(layer, space, array)


def cycles_per_mac(layer: ConvLayer, array: PEArray) -> float:
    """Cycles that a PE takes for one MAC of the layer, floats at the native width."""
    return array.cycles_per_mac(layer.activation_bits or array.word_bits, layer.weight_bits or array.word_bits)


def buffer_words(dataflow: Dataflow, layer: ConvLayer, tiles: TileBlocks, array: PEArray, scale: WordScale) -> float:
    """Native words between buffer and array for one tiling; what DRAM moves through the buffer excluded."""
    if dataflow is Dataflow.WEIGHT_STATIONARY:
        return _weight_stationary_words(layer, tiles, scale)
    return _output_stationary_words(layer, tiles, array, scale)


def executed_macs(dataflow: Dataflow, layer: ConvLayer) -> float:
    """MACs that one image really takes: output stationary skips zero weights."""
    weights = layer.weights if dataflow is Dataflow.WEIGHT_STATIONARY else _nonzero_weights(layer)
    return layer.out_pixels * weights


def register_file_accesses(dataflow: Dataflow, layer: ConvLayer) -> float:
    """Register file accesses of one image: the weight; or the input, and the partial sum read and written."""
    accesses_per_mac = 1 if dataflow is Dataflow.WEIGHT_STATIONARY else 3
    return accesses_per_mac * executed_macs(dataflow, layer)


def _weight_stationary_cycles(layer: ConvLayer, space: TilingSpace, array: PEArray) -> Array:
    """Each Pr x Pc block of weights stays while a tile's pixels stream past; the next block loads behind them.

    Loading takes Pr cycles, so a tile that streams for less waits for it.
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
    """A Pr x Pc block of one output channel stays; one nonzero weight a cycle is broadcast to it.

    Inputs are loaded for as many output channels at a time as a PE keeps partial sums; results drain a row a cycle.
    """
    pixel_blocks = space.rows.blocks * space.cols.blocks
    steps = pixel_blocks * (cycles_per_mac(layer, array) * _nonzero_weights(layer))
    loads = (
        pixel_blocks * (layer.in_channels * space.out_channels.register_blocks) * (_window(layer, array) / array.cols)
    )
    drain = pixel_blocks * (layer.out_channels * array.rows) * space.in_channels.tiles
    return np.maximum(steps, loads) + drain


def _weight_stationary_words(layer: ConvLayer, tiles: TileBlocks, scale: WordScale) -> float:
    """Every pixel is read for each block of weights, padding too; every weight, as stored, once for each map tile."""
    inputs = layer.out_pixels * layer.kernel_size * layer.in_channels * tiles.out_blocks
    # The first partial sum of a pixel is written; every other is read, added to and written back.
    sums = layer.out_pixels * layer.out_channels * (2 * layer.kernel_size * tiles.in_blocks - 1)
    return scale.activation * (inputs + sums) + scale.stored_weight * layer.weights * tiles.map_tiles


def _output_stationary_words(layer: ConvLayer, tiles: TileBlocks, array: PEArray, scale: WordScale) -> float:
    """Windows of inputs, one nonzero weight a step, and partial sums that leave the array after each channel tile."""
    pixel_blocks = tiles.pixel_blocks
    inputs = pixel_blocks * (layer.in_channels * tiles.register_blocks) * _window(layer, array)
    sums = layer.out_pixels * layer.out_channels * (2 * tiles.in_tiles - 1)
    return scale.activation * (inputs + sums) + scale.weight * pixel_blocks * _nonzero_weights(layer)


def _window(layer: ConvLayer, array: PEArray) -> int:
    """Input pixels that a Pr x Pc block of output pixels reads from one channel; a strided 1x1 skips the rest."""
    height = array.rows if layer.span_height == 1 else (array.rows - 1) * layer.stride_height + layer.span_height
    width = array.cols if layer.span_width == 1 else (array.cols - 1) * layer.stride_width + layer.span_width
    return height * width


def _nonzero_weights(layer: ConvLayer) -> float:
    return layer.weights if layer.nonzero_weights is None else layer.nonzero_weights
