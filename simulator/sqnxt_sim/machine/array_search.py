"""The best tiling of a layer on each of many PE arrays, by branch and bound over all of them at once.

A tiling costs no more with the whole of an axis in one tile than with that axis cut, which adds tiles, blocks of PEs
and DRAM words; it is cut where the whole does not fit. So the cost of a tiling whose other axes are whole bounds the
cost of all that cut them. One that is above the least cost of those that fit is left out before they are cut: rows,
columns and output channels in this order. Of input channels, at last, only the largest size that fits is looked at.

Example: tiles of 7 rows with all else whole cost 900 and fit. Tiles of 14 rows cost 800 and do not fit; those of 28
rows cost 950. So tiles of 14 rows are tried with their columns and channels cut, and those of 28 are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqnxt_sim.machine.accelerator import Accelerator, Dataflow
from sqnxt_sim.machine.accelerator_vectors import taken, vectors
from sqnxt_sim.machine.array_axes import (
    AllAxes,
    ArrayAxes,
    PEArrays,
    array_axes,
    is_width_least,
    numbered,
    tilings_of_all,
)
from sqnxt_sim.machine.axes import Array, Ints
from sqnxt_sim.machine.best_tiles import BestTiles
from sqnxt_sim.machine.candidates import MapTilings, channel_pairs, map_pairs
from sqnxt_sim.machine.dataflows import TILED
from sqnxt_sim.machine.tile_search import EQUAL, search_grids
from sqnxt_sim.machine.tiling import Tile, TilingSpace, cycles_per_mac, refuse_many, space_of
from sqnxt_sim.workload import ConvLayer

_BLOCK = 2**14  # tilings that are costed at once, so that their vectors stay in the processor's cache
_MOST_TILINGS = 2**22  # on all arrays that are searched at once, as `tiling` allows them for one


class _Tilings(NamedTuple):
    """Tilings on many arrays, by array.

    Attributes:
        maps: Tilings of the map, among which are theirs.
        array: Their arrays, int64 [tilings].
        map: Places in `maps`.
        ins: Places in the sizes along input channels.
        outs: Places in the sizes along output channels.
    """

    maps: MapTilings
    array: Ints
    map: Ints
    ins: Ints
    outs: Ints

    def at(self, places: NDArray[Any]) -> _Tilings:
        """Return the tilings at these places, or those that are marked."""
        indices = places.nonzero()[0] if places.dtype == np.bool_ else places
        return _Tilings(self.maps, *(figure.take(indices) for figure in self[1:]))

    @property
    def blocks(self) -> Iterator[_Tilings]:
        """The tilings, a block after the other."""
        for begin in range(0, self.array.size, _BLOCK):
            yield _Tilings(self.maps, *(figure[begin : begin + _BLOCK] for figure in self[1:]))


class ArraySearch:
    """The search on some accelerators of one kind, stacked."""

    def __init__(self, machines: Accelerator, count: int) -> None:
        self._machines, self._arrays = machines, PEArrays.of(machines.array, count)

    def best(self, layer: ConvLayer) -> dict[Dataflow, BestTiles]:
        """Return the best tiling in each dataflow on each accelerator, as `tile_search` does.

        Raises:
            SimulatorError: There are too many tilings to search.
        """
        axes = array_axes(layer, self._arrays)
        tilings = tilings_of_all(axes)
        refuse_many(layer, int(tilings.max()))
        search, arrays = _LayerSearch(layer, self._machines, axes), np.arange(tilings.size)
        parts = np.flatnonzero(np.diff(np.cumsum(tilings) // _MOST_TILINGS)) + 1
        best = [search.best(part) for part in np.split(arrays, parts)]
        return {dataflow: BestTiles.joined([one[dataflow] for one in best]) for dataflow in TILED}


class _LayerSearch:
    """The search of one layer on many accelerators."""

    def __init__(self, layer: ConvLayer, machines: Accelerator, axes: AllAxes) -> None:
        self._layer, self._machines, self._axes, self._vectors = layer, machines, axes, vectors(machines)

    def best(self, arrays: Ints) -> dict[Dataflow, BestTiles]:
        """Return the best tiling in each dataflow on some of the arrays."""
        tilings = self._cut_maps(arrays)
        if self._layer.is_depthwise:
            tilings = self._cut_last(tilings, "outs")
        else:
            axis = self._axes.outs
            tilings = self._roomy(self._cheap(tilings), ("outs", "ins"))
            whole, size = numbered(axis.sizes[tilings.array])
            tilings = tilings.at(whole)
            tilings = self._cut_last(tilings._replace(outs=axis.first[tilings.array] + size), "ins")
        return self._chosen(self._cheap(tilings, fitting=True), arrays)

    def _cut_last(self, tilings: _Tilings, name: str) -> _Tilings:
        """Return the promising tilings with the largest sizes that fit along the last axis.

        Larger sizes of it make fewer tiles and no more blocks of PEs, so that no others can be the best. The words of a
        tile are linear in them; as this is exact up to rounding only, the next smaller and larger size come too.
        """
        axis: ArrayAxes = getattr(self._axes, name)
        if axis.sizes.max() == 1:
            return tilings
        tilings = self._roomy(self._cheap(tilings), (name,))
        first, last = axis.first[tilings.array], axis.last[tilings.array]
        small, hardware = self._space(_with(tilings, name, first))
        large, _ = self._space(_with(tilings, name, last))
        low, high = axis.figures.size[first], axis.figures.size[last]
        slope = (large.tile_words[0] - small.tile_words[0]) / np.maximum(high - low, 1)
        room = hardware.buffer_words / hardware.buffer.copies - small.tile_words[0]
        place = axis.largest(tilings.array, low + room / np.maximum(slope, 1e-300))
        places = np.clip(np.stack((place - 1, place, place + 1), axis=1), first[:, None], last[:, None])
        return _with(tilings.at(np.repeat(np.arange(place.size), 3)), name, places.ravel())

    def _cut_maps(self, arrays: Ints) -> _Tilings:
        """Return the tilings with whole channels; those with whole columns bound those that cut them."""
        rows, cols = self._axes.rows, self._axes.cols
        group, row = numbered(rows.sizes[arrays])
        tilings = self._whole_channels(arrays[group], row := rows.first[arrays[group]] + row, cols.last[arrays[group]])
        if is_width_least(self._layer):
            tilings = self._cheap(tilings)
        whole, col = numbered(cols.sizes[tilings.array])
        array = tilings.array[whole]
        return self._whole_channels(array, row[tilings.map[whole]], cols.first[array] + col)

    def _whole_channels(self, array: Ints, row: Ints, col: Ints) -> _Tilings:
        """Return the tilings of the map by the places of their rows and columns, with whole channels."""
        rows, cols, ins, outs = self._axes
        hardware = taken(self._machines, self._vectors, array).array
        fill: Any = hardware.rows / cycles_per_mac(self._layer, hardware)
        maps = map_pairs(rows.figures.at(row), cols.figures.at(col), fill)
        return _Tilings(maps, array, np.arange(array.size), ins.last[array], outs.last[array])

    def _cheap(self, tilings: _Tilings, *, fitting: bool = False) -> _Tilings:
        """Leave out the tilings that cost more than the best one that fits in each dataflow, or all that do not fit."""
        cost, fits = self._costs(tilings)
        if not tilings.array.size:
            return tilings
        begins = np.flatnonzero(np.diff(tilings.array, prepend=-1))
        least = np.minimum.reduceat(np.where(fits, cost, np.inf), begins, axis=1) * EQUAL
        most = np.repeat(least, np.diff(begins, append=tilings.array.size), axis=1)
        cheap = np.any(cost <= most, axis=0)
        return tilings.at(cheap & fits if fitting else cheap)

    def _roomy(self, tilings: _Tilings, uncut: Sequence[str]) -> _Tilings:
        """Leave out the tilings that do not fit, not even with the least sizes along some axes that are still whole."""
        smallest = tilings
        for name in uncut:
            smallest = _with(smallest, name, getattr(self._axes, name).first.take(tilings.array))
        return tilings.at(self._space(smallest)[0].fits[0])

    def _chosen(self, tilings: _Tilings, arrays: Ints) -> dict[Dataflow, BestTiles]:
        """Return the best one of each dataflow on each array, by all rules of the search."""
        space, hardware = self._space(tilings)
        on_array, words, _ = search_grids(self._layer, space, hardware)
        cost, found = on_array + words / hardware.dram_words_per_cycle, {}
        figures: Any = (*space.maps, *space.channels, space.tile_words, space.rounds)
        tiles = Tile._make([np.broadcast_to(figure, space.fits.shape)[0] for figure in figures])
        for i, dataflow in enumerate(TILED):
            best = _first_of_least(tilings, cost[i, 0], words[i, 0], arrays)
            found[dataflow] = BestTiles.of(tiles, on_array[i, 0], words[i, 0], best)
        return found

    def _costs(self, tilings: _Tilings) -> tuple[Array, NDArray[np.bool_]]:
        """Return what the search minimises, [dataflows, tilings], and which tilings fit the buffer."""
        costs, fits = [np.empty((len(TILED), 0))], [np.empty(0, dtype=np.bool_)]
        for block in tilings.blocks:
            space, hardware = self._space(block)
            on_array, words, _ = search_grids(self._layer, space, hardware)
            costs.append((on_array + words / hardware.dram_words_per_cycle)[:, 0])
            fits.append(space.fits[0])
        return np.concatenate(costs, axis=1), np.concatenate(fits)

    def _space(self, tilings: _Tilings) -> tuple[TilingSpace, Accelerator]:
        """Return the tilings as a grid of one row, and the accelerator of each."""
        hardware, multiplier = taken(self._machines, self._vectors, tilings.array), None
        if self._layer.is_depthwise:
            multiplier = self._layer.group_out_channels
        maps, axes = MapTilings._make([figure.take(tilings.map) for figure in tilings.maps]), self._axes
        ins, outs = axes.ins.figures.at(tilings.ins[None]), axes.outs.figures.at(tilings.outs[None])
        channels = channel_pairs(ins, outs, multiplier)
        return space_of(self._layer, hardware, maps, channels), hardware


def _with(tilings: _Tilings, name: str, places: Any) -> _Tilings:
    """Return the tilings with other sizes along an axis."""
    return tilings._replace(**{name: places})


def _first_of_least(tilings: _Tilings, cost: Array, words: Array, arrays: Ints) -> Ints:
    """Return the place of each array's best tiling, -1 where there is none.

    That is the smallest one of those of the fewest words of those of the least cost.
    """
    places = np.arange(cost.size)
    for figure in (cost, words):
        least = np.full(arrays[-1] + 1, np.inf)
        np.minimum.at(least, tilings.array[places], figure[places])
        places = places[figure[places] <= least[tilings.array[places]] * EQUAL]
    tied = tilings.at(places)
    order = np.lexsort((tied.outs, tied.ins, tied.map, tied.array))
    owners, first = np.unique(tied.array[order], return_index=True)
    best = np.full(arrays.size, -1)
    best[owners - arrays[0]] = places[order[first]]
    return best
