"""Sizes of tiles on many PE arrays: those of one array after those of another, in flat vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sqnxt_sim.machine.axes import (
    ONE_CHANNEL,
    ChannelAxis,
    Ints,
    SpatialAxis,
    depthwise_axis,
    horizontal_dimension,
    in_channel_axis,
    out_channel_axis,
    spatial_axis,
    vertical_dimension,
)
from sqnxt_sim.workload import ConvLayer


class ArrayAxes(NamedTuple):
    """Sizes along one axis of the tilings of many PE arrays.

    Attributes:
        figures: The figures of all sizes, as a `SpatialAxis`, a `ChannelAxis` or `MapTilings`.
        first: Place of the first size of each array, int64 [arrays].
        sizes: Number of sizes of each array, int64 [arrays].
    """

    figures: Any
    first: Ints
    sizes: Ints

    @classmethod
    def of(cls, make: Callable[..., SpatialAxis | ChannelAxis], *numbers: Ints) -> ArrayAxes:
        """Return the axes that `make` gives for some numbers of each array, such as its rows."""
        distinct, which = np.unique(np.stack(numbers), axis=1, return_inverse=True)
        axes = [make(*chosen) for chosen in distinct.T.tolist()]
        sizes = np.array([axis.size.size for axis in axes])
        joined = [np.concatenate(figures) for figures in zip(*axes, strict=True)]
        which = which.reshape(-1)
        return cls(type(axes[0])._make(joined), (np.cumsum(sizes) - sizes)[which], sizes[which])

    @property
    def last(self) -> Ints:
        """Place of the last and largest size of each array, which is the whole."""
        last: Ints = self.first + self.sizes - 1
        return last


class AllAxes(NamedTuple):
    """Sizes along output rows and columns, and along input and output channels of a group."""

    rows: ArrayAxes
    cols: ArrayAxes
    ins: ArrayAxes
    outs: ArrayAxes


def array_axes(layer: ConvLayer, rows: Ints, cols: Ints, partial_sums: Ints) -> AllAxes:
    """Return the sizes of a layer's tiles on arrays of these rows, columns and partial sums, int64 [arrays] each."""
    k = layer.group_out_channels
    if layer.is_depthwise:
        ins = ArrayAxes.of(lambda _: ONE_CHANNEL, np.zeros_like(rows))
        outs = ArrayAxes.of(
            lambda size, sums: depthwise_axis(layer.groups, k, cols=size, partial_sums=sums), cols, partial_sums
        )
    else:
        ins = ArrayAxes.of(lambda size: in_channel_axis(layer.group_in_channels, size), rows)
        outs = ArrayAxes.of(lambda size, sums: out_channel_axis(k, size, sums), cols, partial_sums)
    return AllAxes(
        rows=ArrayAxes.of(lambda size: spatial_axis(vertical_dimension(layer, size)), rows),
        cols=ArrayAxes.of(lambda size: spatial_axis(horizontal_dimension(layer, size)), cols),
        ins=ins,
        outs=outs,
    )


def tilings_of_all(axes: AllAxes) -> Ints:
    """Return the number of tilings on each array."""
    tilings: Ints = axes.rows.sizes * axes.cols.sizes * axes.ins.sizes * axes.outs.sizes
    return tilings


def is_whole_least(layer: ConvLayer, name: str) -> bool:
    """Return whether no figure of an axis is less in several tiles than in one.

    A kernel that skips columns between its windows reads the skipped ones too in one tile, and not between two tiles.
    """
    return name != "cols" or layer.span_width == 1 or layer.span_width >= layer.stride_width


def numbered(sizes: Ints) -> tuple[Ints, Ints]:
    """Return the group of each member of groups of some sizes, and its number there.

    Example: sizes of 2 and 1 give the groups 0, 0, 1 and the numbers 0, 1, 0.
    """
    group = np.repeat(np.arange(sizes.size), sizes)
    return group, np.arange(group.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
