"""Candidate tile sizes along one dimension of a layer, and the figures of the tiles that each size makes.

A size is left out only if a smaller size needs the same number of tiles and is no worse in any figure here. At a given
number of tiles, neither the cost that the search minimises nor the DRAM words fall when a figure rises, and smaller
tiles of the same number are more even, which takes no more cycles. Ties go to the smaller size anyway. So the best
tiling is never lost, and the search stays exhaustive.

Example: 13 output rows in tiles of 7, 8, ... or 12 rows are always two tiles. On 8 PE rows, tiles of 7 rows (7 + 6) and
of 8 (8 + 5) both need two blocks of PEs, but those of 8 take more room. So 8 is left out, and 9 to 12 likewise.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sqnxt_sim.workload import ConvLayer

Array: TypeAlias = NDArray[np.float64]
"""Arrays of float64, because cycles may be fractional; exact for integers up to 2**53."""

Ints: TypeAlias = NDArray[np.int64]
"""Arrays of whole numbers, such as places in other arrays."""


class Dimension(NamedTuple):
    """The rows (or columns) of a layer's maps, and the PE rows (or columns) that compute a block of them."""

    out_size: int
    in_size: int
    span: int
    stride: int
    pad: int
    block: int


def vertical_dimension(layer: ConvLayer, block: int) -> Dimension:
    """Return the rows of a layer's map, which PEs take in blocks of `block`."""
    return Dimension(
        out_size=layer.out_height,
        in_size=layer.in_height,
        span=layer.span_height,
        stride=layer.stride_height,
        pad=layer.pad_top,
        block=block,
    )


def horizontal_dimension(layer: ConvLayer, block: int) -> Dimension:
    """Return the columns of a layer's map, which PEs take in blocks of `block`."""
    return Dimension(
        out_size=layer.out_width,
        in_size=layer.in_width,
        span=layer.span_width,
        stride=layer.stride_width,
        pad=layer.pad_left,
        block=block,
    )


class SpatialAxis(NamedTuple):
    """Candidate tile sizes along the rows (or columns) of the output map, in ascending order.

    Attributes:
        size: Output rows of a tile.
        tiles: Number of tiles that cover the map.
        last: Output rows of the last tile.
        blocks: Number of PE blocks, summed over the tiles.
        extent: Input rows of the tile that reads most of them.
        extent_total: Input rows summed over the tiles; rows that two tiles read count twice.
    """

    size: Array
    tiles: Array
    last: Array
    blocks: Array
    extent: Array
    extent_total: Array

    def at(self, places: Ints) -> SpatialAxis:
        """Return the axis with the sizes at these places, which may come again."""
        return SpatialAxis._make([figure.take(places) for figure in self])


class ChannelAxis(NamedTuple):
    """Candidate tile sizes along the channels of a group, in ascending order.

    Attributes:
        size: Channels of a tile.
        tiles: Number of tiles that cover the channels.
        blocks: How often a tile fills the PE rows (input channels) or columns (output channels), summed over the tiles.
        register_blocks: How often a tile of output channels fills the partial sums of a PE, summed over the tiles.
    """

    size: Array
    tiles: Array
    blocks: Array
    register_blocks: Array

    def at(self, places: Ints) -> ChannelAxis:
        """Return the axis with the sizes at these places, which may come again."""
        return ChannelAxis._make([figure.take(places) for figure in self])


ONE_CHANNEL = ChannelAxis(*np.ones((4, 1)))
"""The input channels of a group of a depthwise layer."""


@lru_cache(maxsize=1024)
def spatial_axis(dimension: Dimension) -> SpatialAxis:
    """Return tile sizes in 1..out_size along rows or columns; padding is neither stored nor fetched."""
    out_size, block = dimension.out_size, dimension.block
    size = np.arange(1, out_size + 1)
    tiles, blocks = _cut(out_size, size, block)
    last = out_size - (tiles - 1) * size

    # All tiles of all sizes stand in one flat array; `first` is the index of the first tile of each size.
    first = np.cumsum(tiles) - tiles
    begin = (np.arange(tiles.sum()) - np.repeat(first, tiles)) * np.repeat(size, tiles)
    end = np.minimum(begin + np.repeat(size, tiles), out_size)
    extents = input_extents(begin, end, dimension)
    extent = np.maximum.reduceat(extents, first)
    extent_total = np.add.reduceat(extents, first)

    keep = _undominated(tiles, blocks, extent, extent_total)
    return SpatialAxis(*np.array([size, tiles, last, blocks, extent, extent_total], dtype=np.float64)[:, keep])


@lru_cache(maxsize=1024)
def in_channel_axis(channels: int, rows: int) -> ChannelAxis:
    """Return tile sizes of input channels: a single channel, multiples of the PE rows, or all channels."""
    one = [1] if channels > 1 and rows > 1 else []
    size = np.array([*one, *range(rows, channels, rows), channels])
    tiles, blocks = _cut(channels, size, rows)
    keep = _undominated(tiles, blocks)
    return ChannelAxis(*np.array([size, tiles, blocks, np.ones_like(size)], dtype=np.float64)[:, keep])


@lru_cache(maxsize=1024)
def out_channel_axis(channels: int, cols: int, partial_sums: int) -> ChannelAxis:
    """Return tile sizes of output channels: multiples of the PE columns, or all channels."""
    size = np.array([*range(cols, channels, cols), channels])
    tiles, blocks = _cut(channels, size, cols)
    _, register_blocks = _cut(channels, size, partial_sums)
    keep = _undominated(tiles, register_blocks, blocks)
    return ChannelAxis(*np.array([size, tiles, blocks, register_blocks], dtype=np.float64)[:, keep])


@lru_cache(maxsize=1024)
def depthwise_axis(groups: int, multiplier: int, *, cols: int, partial_sums: int) -> ChannelAxis:
    """Return tiles of whole groups, each with `multiplier` output channels; every group is a block of its own."""
    size = np.arange(1, groups + 1)
    tiles = -(-groups // size)
    keep = _undominated(tiles, np.zeros_like(tiles))
    one_group = np.ones(int(keep.sum()))
    return ChannelAxis(
        size=size[keep].astype(np.float64) * multiplier,
        tiles=tiles[keep].astype(np.float64),
        blocks=one_group * -(-multiplier // cols),
        register_blocks=one_group * -(-multiplier // partial_sums),
    )


def input_extents(begin: Ints, end: Ints, dimension: Dimension) -> Ints:
    """Return the number of input rows that output rows begin..end-1 read, without padding."""
    _, in_size, span, stride, pad, _ = dimension
    if span == 1:
        # A strided 1x1 kernel skips rows; only the rows that it reads count.
        first = -(-pad // stride)
        stop = (in_size - 1 + pad) // stride + 1
        extents: Ints = np.minimum(end, stop) - np.maximum(begin, first)
    else:
        extents = np.minimum((end - 1) * stride - pad + span, in_size) - np.maximum(begin * stride - pad, 0)
    return extents.clip(min=0)


def _cut(whole: int, size: Ints, block: int) -> tuple[Ints, Ints]:
    """Return the number of tiles of each size that cover a whole, and the blocks that they fill, summed over them."""
    tiles = -(-whole // size)
    last = whole - (tiles - 1) * size
    return tiles, (tiles - 1) * -(-size // block) + -(-last // block)


def _undominated(tiles: Ints, figure: Ints, *others: Ints) -> NDArray[np.bool_]:
    """Mark the sizes (in ascending order) that no smaller size with the same number of tiles replaces.

    Sizes form runs, in which the number of tiles is the same and none of the other figures falls. In a run, only a size
    with less of `figure` than all before it can be better than they are.
    """
    keep = np.ones(len(tiles), dtype=np.bool_)
    starts = keep[1:]
    np.not_equal(tiles[1:], tiles[:-1], out=starts)
    for other in others:
        starts |= other[1:] < other[:-1]
    # A running minimum over all sizes that begins anew in each run, because the next run lies below it as a whole.
    below = figure - keep.cumsum() * (figure.max() + 1)
    starts |= below[1:] < np.minimum.accumulate(below)[:-1]
    return keep
