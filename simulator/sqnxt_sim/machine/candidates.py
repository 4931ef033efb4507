"""Candidate tilings of the output map and of the channels: every pair of two axes, with the figures that a cost needs.

A layer's grid of tilings is [channel tilings, map tilings]. Nearly every term of a cost is a figure of the one times a
figure of the other, so that little is computed for every cell of the grid.
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
    figures = _products(
        (rows.size, _ones(rows.size), rows.size, rows.tiles, rows.blocks, rows.extent, rows.extent_total),
        (_ones(cols.size), cols.size, cols.size, cols.tiles, cols.blocks, cols.extent, cols.extent_total),
    )
    figures = np.concatenate((figures, _stream(rows, cols, fill).reshape(1, -1)))
    if vertical == horizontal:
        figures = figures[:, figures[0] <= figures[1]]
    return MapTilings._make(figures)


@lru_cache(maxsize=1024)
def channel_tilings(in_channels: int, out_channels: int, *, rows: int, cols: int, partial_sums: int) -> ChannelTilings:
    """Return all tilings of the channels of a group on `rows` x `cols` PEs."""
    ins, outs = in_channel_axis(in_channels, rows), out_channel_axis(out_channels, cols, partial_sums)
    return _channel_pairs(ins, outs, ins.size, _ones(outs.size))


@lru_cache(maxsize=1024)
def depthwise_tilings(groups: int, multiplier: int, *, cols: int, partial_sums: int) -> ChannelTilings:
    """Return all tilings of the groups of a depthwise layer, whose only channel loop determines input channels too."""
    one = ChannelAxis(*np.ones((4, 1)))
    outs = depthwise_axis(groups, multiplier, cols=cols, partial_sums=partial_sums)
    return _channel_pairs(one, outs, one.size, outs.size / multiplier)


def _channel_pairs(ins: ChannelAxis, outs: ChannelAxis, read: Array, read_factor: Array) -> ChannelTilings:
    """Return the tilings of two axes; the channels that a tile reads are a figure of the one times one of the other."""
    of_ins, of_outs = _ones(ins.size), _ones(outs.size)
    figures = _products(
        (ins.size, of_ins, read, ins.tiles, of_ins, ins.blocks, of_ins, of_ins),
        (of_outs, outs.size, read_factor, of_outs, outs.tiles, of_outs, outs.blocks, outs.register_blocks),
    )
    return ChannelTilings(*figures[:, :, None])


def _products(first: tuple[Array, ...], second: tuple[Array, ...]) -> Array:
    """Return the products of figure i of one axis with figure i of another, for every pair of sizes: [i, pairs]."""
    products: Array = (np.array(first)[:, :, None] * np.array(second)[:, None, :]).reshape(len(first), -1)
    return products


def _ones(like: Array) -> Array:
    return np.ones(like.size)


def _stream(rows: SpatialAxis, cols: SpatialAxis, fill: float) -> Array:
    """Return the sum over the tiles of the pixels of a tile, or `fill` where it has fewer, [rows, columns]."""
    full_rows, full_cols = (rows.tiles - 1)[:, None], cols.tiles - 1
    size, last = rows.size[:, None], rows.last[:, None]
    stream: Array = (
        full_rows * full_cols * np.maximum(size * cols.size, fill)
        + full_rows * np.maximum(size * cols.last, fill)
        + full_cols * np.maximum(last * cols.size, fill)
        + np.maximum(last * cols.last, fill)
    )
    return stream
