"""Candidate tilings of the output map and of the channels: every pair of two axes, with the figures that a cost needs.

A layer's grid of tilings has map tilings along its rows and channel tilings along its columns. Nearly every term of a
cost is a figure of the one times a figure of the other, so that little is computed for every cell of the grid.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from sqnxt_sim.machine.axes import (
    Array,
    ChannelAxis,
    Dimension,
    SpatialAxis,
    channel_axis,
    depthwise_axis,
    spatial_axis,
)


class MapTilings(NamedTuple):
    """Tilings of the output map, by rows and then by columns in ascending order; float64 [tilings, 1] each.

    Attributes:
        rows: Output rows of a tile.
        cols: Output columns of a tile.
        pixels: Output pixels of a tile.
        tiles: Number of tiles that cover the map.
        blocks: Number of blocks of PEs, summed over the tiles.
        stream: Pixels that stream past a block of weights, summed over the tiles; at least `fill` in each of them.
        extent: Input pixels of the tile that reads most of them.
        extent_total: Input pixels summed over the tiles.
    """

    rows: Array
    cols: Array
    pixels: Array
    tiles: Array
    blocks: Array
    stream: Array
    extent: Array
    extent_total: Array


class ChannelTilings(NamedTuple):
    """Tilings of the channels of a group, by input and then by output channels; float64 [1, tilings] each.

    Attributes:
        in_channels: Input channels of a tile, which every output channel of it depends on.
        out_channels: Output channels of a tile.
        read_channels: Input channels that a tile reads; more than `in_channels` where it covers several groups.
        in_tiles: Number of tiles along the input channels.
        out_tiles: Number of tiles along the output channels.
        in_blocks: Blocks of PE rows along the input channels, summed over the tiles.
        out_blocks: Blocks of PE columns along the output channels, summed over the tiles.
        register_blocks: How often the output channels fill the partial sums of a PE, summed over the tiles.
    """

    in_channels: Array
    out_channels: Array
    read_channels: Array
    in_tiles: Array
    out_tiles: Array
    in_blocks: Array
    out_blocks: Array
    register_blocks: Array


@lru_cache(maxsize=1024)
def map_tilings(vertical: Dimension, horizontal: Dimension, fill: float) -> MapTilings:
    """Return all tilings of a map; `fill` is the number of pixels behind which the next block of weights loads."""
    rows, cols = spatial_axis(vertical), spatial_axis(horizontal)
    sizes, widths = np.meshgrid(rows.size, cols.size, indexing="ij")
    figures = (
        sizes,
        widths,
        np.outer(rows.size, cols.size),
        np.outer(rows.tiles, cols.tiles),
        np.outer(rows.blocks, cols.blocks),
        _stream(rows, cols, fill),
        np.outer(rows.extent, cols.extent),
        np.outer(rows.extent_total, cols.extent_total),
    )
    return MapTilings(*(figure.reshape(-1, 1) for figure in figures))


@lru_cache(maxsize=1024)
def channel_tilings(in_channels: int, out_channels: int, *, rows: int, cols: int, partial_sums: int) -> ChannelTilings:
    """Return all tilings of the channels of a group on `rows` x `cols` PEs."""
    ins = channel_axis(in_channels, multiple=rows, partial_sums=partial_sums, with_one=True)
    outs = channel_axis(out_channels, multiple=cols, partial_sums=partial_sums, with_one=False)
    return _channel_pairs(ins, outs)


@lru_cache(maxsize=1024)
def depthwise_tilings(groups: int, multiplier: int, *, cols: int, partial_sums: int) -> ChannelTilings:
    """Return all tilings of the groups of a depthwise layer, whose only channel loop determines input channels too."""
    one = ChannelAxis(*np.ones((4, 1)))
    outs = depthwise_axis(groups, multiplier, cols=cols, partial_sums=partial_sums)
    return _channel_pairs(one, outs)._replace(read_channels=outs.size.reshape(1, -1) / multiplier)


def _channel_pairs(ins: ChannelAxis, outs: ChannelAxis) -> ChannelTilings:
    first = [np.repeat(figure, outs.size.size).reshape(1, -1) for figure in ins]
    second = [np.tile(figure, ins.size.size).reshape(1, -1) for figure in outs]
    return ChannelTilings(
        in_channels=first[0],
        out_channels=second[0],
        read_channels=first[0],
        in_tiles=first[1],
        out_tiles=second[1],
        in_blocks=first[2],
        out_blocks=second[2],
        register_blocks=second[3],
    )


def _stream(rows: SpatialAxis, cols: SpatialAxis, fill: float) -> Array:
    """Return the sum over the tiles of the pixels of a tile, or `fill` where it has fewer, [rows, columns]."""
    full_rows, full_cols = (rows.tiles - 1)[:, None], cols.tiles - 1
    stream: Array = (
        full_rows * full_cols * np.maximum(np.outer(rows.size, cols.size), fill)
        + full_rows * np.maximum(np.outer(rows.size, cols.last), fill)
        + full_cols * np.maximum(np.outer(rows.last, cols.size), fill)
        + np.maximum(np.outer(rows.last, cols.last), fill)
    )
    return stream
