"""Candidate tilings of the output map and of the channels: every pair of two axes, with the figures that a cost needs.

A layer's grid of tilings is [channel tilings, map tilings]. Nearly every term of a cost is a figure of the one times a
figure of the other, so that little is computed for every cell of the grid.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from sqnxt_sim.machine.axes import (
    ONE_CHANNEL,
    Array,
    ChannelAxis,
    Dimension,
    SpatialAxis,
    depthwise_axis,
    in_channel_axis,
    out_channel_axis,
    spatial_axis,
)


class MapTilings(NamedTuple):
    """Tilings of the output map, by rows and then by columns in ascending order; float64 [tilings] each.

    Attributes:
        rows: Output rows of a tile.
        cols: Output columns of a tile.
        pixels: Output pixels of a tile.
        tiles: Number of tiles that cover the map.
        blocks: Number of blocks of PEs, summed over the tiles.
        extent: Input pixels of the tile that reads most of them.
        extent_total: Input pixels summed over the tiles.
        stream: Pixels that stream past a block of weights, summed over the tiles; at least `fill` in each of them.
    """

    rows: Array
    cols: Array
    pixels: Array
    tiles: Array
    blocks: Array
    extent: Array
    extent_total: Array
    stream: Array


class ChannelTilings(NamedTuple):
    """Tilings of the channels of a group, by input and then by output channels; float64 [tilings, 1] each.

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
    """Return all tilings of a map; `fill` is the number of pixels behind which the next block of weights loads.

    Where rows and columns are alike, a tile costs the same as one of as many columns as it has rows and the other way
    round. Ties go to fewer rows, so that tiles of more rows than columns are left out.
    """
    rows, cols = spatial_axis(vertical), spatial_axis(horizontal)
    row, col = np.divmod(np.arange(rows.size.size * cols.size.size), cols.size.size)
    if vertical == horizontal:
        row, col = row[row <= col], col[row <= col]
    return map_pairs(rows.at(row), cols.at(col), fill)


@lru_cache(maxsize=1024)
def channel_tilings(in_channels: int, out_channels: int, *, rows: int, cols: int, partial_sums: int) -> ChannelTilings:
    """Return all tilings of the channels of a group on `rows` x `cols` PEs."""
    return _every_pair(in_channel_axis(in_channels, rows), out_channel_axis(out_channels, cols, partial_sums))


@lru_cache(maxsize=1024)
def depthwise_tilings(groups: int, multiplier: int, *, cols: int, partial_sums: int) -> ChannelTilings:
    """Return all tilings of the groups of a depthwise layer, whose only channel loop determines input channels too."""
    outs = depthwise_axis(groups, multiplier, cols=cols, partial_sums=partial_sums)
    return _every_pair(ONE_CHANNEL, outs, multiplier)


def map_pairs(rows: SpatialAxis, cols: SpatialAxis, fill: float | Array) -> MapTilings:
    """Return the tilings that take their rows from one axis and their columns, at the same place, from another."""
    return MapTilings(
        rows=rows.size,
        cols=cols.size,
        pixels=rows.size * cols.size,
        tiles=rows.tiles * cols.tiles,
        blocks=rows.blocks * cols.blocks,
        extent=rows.extent * cols.extent,
        extent_total=rows.extent_total * cols.extent_total,
        stream=_stream(rows, cols, fill),
    )


def channel_pairs(ins: ChannelAxis, outs: ChannelAxis, multiplier: int | None = None) -> ChannelTilings:
    """Return the tilings that take their input channels from one axis and their output channels from another.

    A depthwise layer has a `multiplier`, the output channels of each of its input channels.
    """
    return ChannelTilings(
        in_channels=ins.size,
        out_channels=outs.size,
        read_channels=ins.size if multiplier is None else outs.size / multiplier,
        in_tiles=ins.tiles,
        out_tiles=outs.tiles,
        in_blocks=ins.blocks,
        out_blocks=outs.blocks,
        register_blocks=outs.register_blocks,
    )


def _every_pair(ins: ChannelAxis, outs: ChannelAxis, multiplier: int | None = None) -> ChannelTilings:
    one, other = np.divmod(np.arange(ins.size.size * outs.size.size)[:, None], outs.size.size)
    return channel_pairs(ins.at(one), outs.at(other), multiplier)


def _stream(rows: SpatialAxis, cols: SpatialAxis, fill: float | Array) -> Array:
    """Return the sum over the tiles of the pixels of a tile, or `fill` where it has fewer."""
    full_rows, full_cols = rows.tiles - 1, cols.tiles - 1
    stream: Array = (
        full_rows * full_cols * np.maximum(rows.size * cols.size, fill)
        + full_rows * np.maximum(rows.size * cols.last, fill)
        + full_cols * np.maximum(rows.last * cols.size, fill)
        + np.maximum(rows.last * cols.last, fill)
    )
    return stream
