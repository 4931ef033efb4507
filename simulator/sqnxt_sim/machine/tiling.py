"""All tilings of a layer, which of them fit the buffer, and the DRAM words that each moves.

Arrays are broadcastable to a grid with the four axes [rows, cols, in_channels, out_channels], so that a term is
computed only along the axes that it depends on: 20 row sizes are an array [20, 1, 1, 1], and their product with 20
column sizes is [20, 20, 1, 1]. Source: the tiling of SqueezeNext (arXiv 1803.10615), section 3, "Hardware Simulation
Setup", over the x, y, c and k loops.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.machine.accelerator import Accelerator
from sqnxt_sim.machine.axes import Array, ChannelAxis, SpatialAxis, channel_axis, depthwise_axis, spatial_axis
from sqnxt_sim.workload import ConvLayer

# A larger grid would take gigabytes. 227x227 networks stay below 2**16, and images of 8000x8000 below this limit.
_MAX_TILINGS = 2**22


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """Size of one tile: output rows and columns, and input and output channels of a group."""

    rows: int
    cols: int
    in_channels: int
    out_channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WordScale:
    """Native words that one activation and one weight of a layer take.

    `stored_weight` is the mean over all weights as DRAM stores them; it is less than `weight` if they are compressed.
    """

    activation: float
    weight: float
    stored_weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TilingSpace:
    """All tilings of one layer that may be the best one, for one image. Words are native words of the accelerator.

    Attributes:
        rows: Tile sizes along the output rows.
        cols: Tile sizes along the output columns.
        in_channels: Tile sizes along the input channels.
        out_channels: Tile sizes along the output channels.
        tile_words: Words that the largest tile takes in the buffer.
        transfer_words: Words that DRAM moves for the largest tile.
        map_tiles: Number of tiles of the map.
        rounds: Number of tiles over all four loops.
        dram_words: DRAM traffic of the layer, with the tile loops in their best order.
        fits: True for the tilings that fit the buffer.
    """

    rows: SpatialAxis
    cols: SpatialAxis
    in_channels: ChannelAxis
    out_channels: ChannelAxis
    tile_words: Array
    transfer_words: Array
    map_tiles: Array
    rounds: Array
    dram_words: Array
    fits: NDArray[np.bool_]

    def tiling(self, index: tuple[int, ...]) -> Tiling:
        """Return the tiling at an index of the grid."""
        axes: tuple[SpatialAxis | ChannelAxis, ...] = (self.rows, self.cols, self.in_channels, self.out_channels)
        return Tiling(
            **{name: int(axis.size.flat[i]) for name, axis, i in zip(Tiling.__slots__, axes, index, strict=True)}
        )

    def blocks_at(self, index: tuple[int, ...]) -> TileBlocks:
        """Return the tile and block counts of the tiling at an index of the grid."""
        rows, cols, ins, outs = index
        ins_axis, outs_axis = self.in_channels, self.out_channels
        return TileBlocks(
            map_tiles=self.rows.tiles.item(rows) * self.cols.tiles.item(cols),
            pixel_blocks=self.rows.blocks.item(rows) * self.cols.blocks.item(cols),
            in_tiles=ins_axis.tiles.item(ins),
            in_blocks=ins_axis.blocks.item(ins),
            out_blocks=outs_axis.blocks.item(outs),
            register_blocks=outs_axis.register_blocks.item(outs),
        )


class TileBlocks(NamedTuple):
    """Counts of one tiling: tiles and PE blocks of the map, tiles and blocks along the channels."""

    map_tiles: float
    pixel_blocks: float
    in_tiles: float
    in_blocks: float
    out_blocks: float
    register_blocks: float


def word_scale(layer: ConvLayer, accelerator: Accelerator) -> WordScale:
    """Return the native words that a value takes at the layer's bits, with floats at the native width.

    Outputs and partial sums count at the width of the layer's input activations. Example: on an array of 16-bit words,
    8-bit activations and weights take half a word each.
    """
    native = accelerator.array.word_bits
    weight_bits = layer.weight_bits or native
    nonzero = 1.0 if layer.nonzero_weights is None else layer.nonzero_weights / layer.weights
    return WordScale(
        activation=(layer.activation_bits or native) / native,
        weight=weight_bits / native,
        stored_weight=accelerator.dram.stored_weight_bits(weight_bits, nonzero) / native,
    )


def tiling_space(layer: ConvLayer, accelerator: Accelerator) -> TilingSpace:
    """Return all tilings of `layer` that may be the best one for either dataflow.

    Raises:
        SimulatorError: No tiling fits the buffer, or there are too many to search.
    """
    rows, cols = _map_axes(layer, accelerator)
    in_channels, out_channels = _channel_axes(layer, accelerator)
    grid = tuple(axis.size.size for axis in (rows, cols, in_channels, out_channels))
    if prod(grid) > _MAX_TILINGS:
        raise SimulatorError(
            f"layer {layer.name!r}", f"{prod(grid)} tilings are too many to search", "use a smaller input"
        )

    scale = word_scale(layer, accelerator)
    read_channels = out_channels.size / layer.group_out_channels if layer.is_depthwise else in_channels.size
    input_words = rows.extent * cols.extent * (read_channels * scale.activation)
    tile_weights = layer.kernel_size * in_channels.size * out_channels.size
    output_words = rows.size * cols.size * (out_channels.size * scale.activation)
    map_words = input_words + output_words
    tile_words = map_words + tile_weights * scale.weight
    fits = accelerator.buffer.capacity_divisor * tile_words <= accelerator.buffer_words
    if not fits.any():
        raise SimulatorError(
            f"layer {layer.name!r}",
            f"not even the smallest tile fits the {accelerator.buffer.bytes} byte buffer of {accelerator.name}",
            "use an accelerator with a larger buffer",
        )
    map_tiles = rows.tiles * cols.tiles
    groups = 1 if layer.is_depthwise else layer.groups
    return TilingSpace(
        rows=rows,
        cols=cols,
        in_channels=in_channels,
        out_channels=out_channels,
        tile_words=tile_words,
        transfer_words=tile_words
        if scale.stored_weight == scale.weight
        else map_words + tile_weights * scale.stored_weight,
        map_tiles=map_tiles,
        rounds=map_tiles * in_channels.tiles * out_channels.tiles * groups,
        dram_words=_dram_words(layer, scale, rows, cols, in_channels, out_channels),
        fits=fits,
    )


def _map_axes(layer: ConvLayer, accelerator: Accelerator) -> tuple[SpatialAxis, SpatialAxis]:
    rows = spatial_axis(
        out_size=layer.out_height,
        in_size=layer.in_height,
        span=layer.span_height,
        stride=layer.stride_height,
        pad=layer.pad_top,
        block=accelerator.array.rows,
        axis=0,
    )
    cols = spatial_axis(
        out_size=layer.out_width,
        in_size=layer.in_width,
        span=layer.span_width,
        stride=layer.stride_width,
        pad=layer.pad_left,
        block=accelerator.array.cols,
        axis=1,
    )
    return rows, cols


def _channel_axes(layer: ConvLayer, accelerator: Accelerator) -> tuple[ChannelAxis, ChannelAxis]:
    array = accelerator.array
    sums = array.partial_sums_per_pe
    c, k = layer.group_in_channels, layer.group_out_channels
    ins = channel_axis(c, multiple=array.rows, partial_sums=sums, with_one=True, axis=2)
    if layer.is_depthwise:
        # There is one channel loop only: a tile of output channels determines its input channels.
        return ins, depthwise_axis(layer.groups, k, cols=array.cols, partial_sums=sums, axis=3)
    return ins, channel_axis(k, multiple=array.cols, partial_sums=sums, with_one=False, axis=3)


def _dram_words(
    layer: ConvLayer, scale: WordScale, rows: SpatialAxis, cols: SpatialAxis, ins: ChannelAxis, outs: ChannelAxis
) -> Array:
    """Return the words between DRAM and buffer, with the loops over map, input and output channel tiles in best order.

    A tensor is fetched again for every round of the loop that it does not depend on, unless that loop is innermost.
    Partial sums that leave the buffer are written and read back. So only the innermost loop matters: three orders.

    Example with 2 map, 2 input channel and 4 output channel tiles, of 100 inputs, 50 weights and 200 outputs. Map
    innermost: inputs 4 times, weights once, outputs 3 times = 1050. Input channels innermost: inputs 4 times, weights
    twice, outputs once = 700. Output channels innermost: inputs once, weights twice, outputs 3 times = 800.
    """
    extent_total = rows.extent_total * cols.extent_total
    weights = layer.weights // layer.groups * scale.stored_weight
    outputs = layer.out_pixels * layer.group_out_channels * scale.activation
    inputs = extent_total * layer.group_in_channels * scale.activation
    if layer.is_depthwise:
        return (inputs + weights + outputs) * layer.groups
    reread = inputs * outs.tiles
    reloaded = weights * (rows.tiles * cols.tiles)
    spilled = outputs * (2 * ins.tiles - 1)
    map_innermost = reread + (weights + spilled)
    ins_innermost = reread + (reloaded + outputs)
    outs_innermost = (inputs + reloaded) + spilled
    return np.minimum(np.minimum(ins_innermost, outs_innermost), map_innermost) * layer.groups
