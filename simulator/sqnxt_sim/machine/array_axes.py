"""Sizes of tiles on many PE arrays: those of one array after those of another, in flat vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sqnxt_sim.machine.accelerator import PEArray
from sqnxt_sim.machine.axes import (
    ONE_CHANNEL,
    Array,
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

_MOST_SIZE = 2.0**25  # above every number of channels


class Distinct(NamedTuple):
    """Different numbers of many PE arrays, such as their rows: the values, and which of them each array has."""

    values: list[tuple[int, ...]]
    which: Ints

    @classmethod
    def of(cls, *numbers: Ints) -> Distinct:
        """Return the different ones among some numbers of each array, int64 [arrays] each."""
        values, which = np.unique(np.stack(numbers), axis=1, return_inverse=True)
        return cls(list(map(tuple, values.T.tolist())), which.reshape(-1))


class PEArrays(NamedTuple):
    """What the sizes of tiles depend on, of many PE arrays."""

    rows: Distinct
    cols: Distinct
    cols_and_sums: Distinct

    @classmethod
    def of(cls, array: PEArray, count: int) -> PEArrays:
        """Return those of a stacked PE array."""
        numbers = array.rows, array.cols, array.partial_sums_per_pe
        rows, cols, sums = (np.broadcast_to(number, count) for number in numbers)
        return cls(Distinct.of(rows), Distinct.of(cols), Distinct.of(cols, sums))


class ArrayAxes(NamedTuple):
    """Sizes along one axis of the tilings of many PE arrays.

    Attributes:
        figures: The figures of all sizes, as a `SpatialAxis` or a `ChannelAxis`.
        first: Place of the first size of each array, int64 [arrays].
        sizes: Number of sizes of each array, int64 [arrays].
    """

    figures: Any
    first: Ints
    sizes: Ints

    @classmethod
    def of(cls, make: Callable[..., SpatialAxis | ChannelAxis], numbers: Distinct) -> ArrayAxes:
        """Return the axes that `make` gives for some numbers of each array."""
        axes = [make(*chosen) for chosen in numbers.values]
        sizes = np.array([axis.size.size for axis in axes])
        figures = [np.concatenate(figures) for figures in zip(*axes, strict=True)]
        first = np.cumsum(sizes) - sizes
        return cls(type(axes[0])._make(figures), first[numbers.which], sizes[numbers.which])

    @property
    def last(self) -> Ints:
        """Place of the last and largest size of each array, which is the whole."""
        last: Ints = self.first + self.sizes - 1
        return last

    def largest(self, array: Ints, size: Array) -> Ints:
        """Return the place of the largest size of some arrays that is at most as large as this."""
        places, begins = np.arange(self.figures.size.size), np.unique(self.first)
        begin = begins[np.searchsorted(begins, places, side="right") - 1]
        # One ascending vector for all axes: each is moved to a range of its own.
        ascending = begin * _MOST_SIZE + self.figures.size
        sought = self.first[array] * _MOST_SIZE + np.clip(size, 0, _MOST_SIZE - 1)
        largest: Ints = np.searchsorted(ascending, sought, side="right") - 1
        return largest


class AllAxes(NamedTuple):
    """Sizes along output rows and columns, and along input and output channels of a group."""

    rows: ArrayAxes
    cols: ArrayAxes
    ins: ArrayAxes
    outs: ArrayAxes


def array_axes(layer: ConvLayer, arrays: PEArrays) -> AllAxes:
    """Return the sizes of a layer's tiles on many PE arrays."""
    k = layer.group_out_channels
    if layer.is_depthwise:
        ins = ArrayAxes.of(lambda _: ONE_CHANNEL, arrays.rows)
        outs = ArrayAxes.of(
            lambda size, sums: depthwise_axis(layer.groups, k, cols=size, partial_sums=sums), arrays.cols_and_sums
        )
    else:
        ins = ArrayAxes.of(lambda size: in_channel_axis(layer.group_in_channels, size), arrays.rows)
        outs = ArrayAxes.of(lambda size, sums: out_channel_axis(k, size, sums), arrays.cols_and_sums)
    return AllAxes(
        rows=ArrayAxes.of(lambda size: spatial_axis(vertical_dimension(layer, size)), arrays.rows),
        cols=ArrayAxes.of(lambda size: spatial_axis(horizontal_dimension(layer, size)), arrays.cols),
        ins=ins,
        outs=outs,
    )


def tilings_of_all(axes: AllAxes) -> Ints:
    """Return the number of tilings on each array."""
    tilings: Ints = axes.rows.sizes * axes.cols.sizes * axes.ins.sizes * axes.outs.sizes
    return tilings


def is_width_least(layer: ConvLayer) -> bool:
    """Return whether tiles of the whole width read no more than those that cut it.

    A kernel that skips columns between its windows reads the skipped ones too in one tile, and not between two tiles.
    """
    return layer.span_width == 1 or layer.span_width >= layer.stride_width


def numbered(sizes: Ints) -> tuple[Ints, Ints]:
    """Return the group of each member of groups of some sizes, and its number there.

    Example: sizes of 2 and 1 give the groups 0, 0, 1 and the numbers 0, 1, 0.
    """
    group = np.repeat(np.arange(sizes.size), sizes)
    return group, np.arange(group.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
