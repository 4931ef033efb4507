"""The best tiling of a layer on each of many PE arrays, by branch and bound over all of them at once.

A tiling costs no more with the whole of an axis in one tile than with that axis cut, which adds tiles, blocks of PEs
and DRAM words; it is cut where the whole does not fit. So the cost of a tiling whose other axes are whole bounds the
cost of all that cut them. One that is above the least cost of those that fit is left out before they are cut.

Example: tiles of 7 rows with all else whole cost 900 and fit. Tiles of 14 rows cost 800 and do not fit; those of 28
rows cost 950. So tiles of 14 rows are tried with their columns and channels cut, and those of 28 are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqnxt_sim.machine.accelerator import Accelerator, Dataflow
from sqnxt_sim.machine.accelerator_vectors import taken
from sqnxt_sim.machine.array_axes import AllAxes, ArrayAxes, array_axes, is_whole_least, numbered, tilings_of_all
from sqnxt_sim.machine.axes import Array, Ints
from sqnxt_sim.machine.best_tiles import BestTiles
from sqnxt_sim.machine.candidates import channel_pairs, map_pairs
from sqnxt_sim.machine.dataflows import TILED
from sqnxt_sim.machine.tile_search import EQUAL, search_grids
from sqnxt_sim.machine.tiling import Tile, TilingSpace, cycles_per_mac, refuse_many, space_of
from sqnxt_sim.workload import ConvLayer

_ORDER = ("rows", "cols", "outs", "ins")  # of the axes, as they are cut
_BLOCK = 2**13  # tilings that are costed at once, so that their vectors stay in the processor's cache
_MOST_TILINGS = 2**22  # on all arrays that are searched at once, as `tiling` allows them for one


class _Tilings(NamedTuple):
    """Tilings on many arrays, by array: places in the vectors of its sizes, int64 [tilings] each."""

    array: Ints
    rows: Ints
    cols: Ints
    ins: Ints
    outs: Ints

    def at(self, places: NDArray[Any]) -> _Tilings:
        """Return the tilings at these places, or those that are marked."""
        indices = places.nonzero()[0] if places.dtype == np.bool_ else places
        return _Tilings._make([figure.take(indices) for figure in self])

    @property
    def blocks(self) -> Iterator[_Tilings]:
        """The tilings, a block after the other."""
        for begin in range(0, self.array.size, _BLOCK):
            yield _Tilings._make([figure[begin : begin + _BLOCK] for figure in self])


class ArraySearch:
    """The search on some accelerators of one kind, stacked."""

    def __init__(self, machines: Accelerator, count: int) -> None:
        array = machines.array
        numbers = np.broadcast_arrays(array.rows, array.cols, array.partial_sums_per_pe, np.empty(count))
        self._machines, self._numbers = machines, numbers[:3]

    def best(self, layer: ConvLayer) -> dict[Dataflow, BestTiles]:
        """Return the best tiling in each dataflow on each accelerator, as `tile_search` does.

        Raises:
            SimulatorError: There are too many tilings to search.
        """
        axes = array_axes(layer, *self._numbers)
        tilings = tilings_of_all(axes)
        refuse_many(layer, int(tilings.max()))
        search = _LayerSearch(layer, self._machines, axes)
        parts = np.flatnonzero(np.diff(np.cumsum(tilings) // _MOST_TILINGS)) + 1
        found = [search.promising(part) for part in np.split(np.arange(tilings.size), parts)]
        return search.best(_Tilings._make(map(np.concatenate, zip(*found, strict=True))))


class _LayerSearch:
    """The search of one layer on many accelerators."""

    def __init__(self, layer: ConvLayer, machines: Accelerator, axes: AllAxes) -> None:
        self._layer, self._machines, self._axes, self._count = layer, machines, axes, axes.rows.sizes.size

    def promising(self, arrays: Ints) -> _Tilings:
        """Return the tilings of some arrays which may be the best ones."""
        axes = self._axes
        whole = [axis.last[arrays] for axis in (axes.rows, axes.cols, axes.ins, axes.outs)]
        tilings = self._cut(_Tilings(arrays, *whole), "rows")
        for cut, name in enumerate(_ORDER[1:], 1):
            if not is_whole_least(self._layer, name):
                tilings = self._cut(tilings, name)
            elif getattr(axes, name).sizes.max() > 1:
                tilings = self._cut(self._bounded(tilings, _ORDER[cut:]), name)
        return self._bounded(tilings, ())

    def _bounded(self, tilings: _Tilings, uncut: Sequence[str]) -> _Tilings:
        """Leave out the tilings that are not the best ones, nor become so with some axes cut that are still whole."""
        bound, fits = self._costs(tilings)
        least = self._least(bound, fits, tilings.array)
        cheap = [one <= most.take(tilings.array) for one, most in zip(bound, least, strict=True)]
        tilings = tilings.at(np.any(cheap, axis=0))
        smallest = {name: getattr(self._axes, name).first.take(tilings.array) for name in uncut}
        return tilings.at(self._space(tilings._replace(**smallest))[0].fits[0])

    def _cut(self, tilings: _Tilings, name: str) -> _Tilings:
        """Return the tilings with every size along an axis."""
        axis: ArrayAxes = getattr(self._axes, name)
        whole, size = numbered(axis.sizes[tilings.array])
        tilings = tilings.at(whole)
        return tilings._replace(**{name: axis.first[tilings.array] + size})

    def best(self, tilings: _Tilings) -> dict[Dataflow, BestTiles]:
        """Return the best one of each dataflow on each array."""
        cost, fits = self._costs(tilings)
        least = self._least(cost, fits, tilings.array)
        found = {}
        for i, dataflow in enumerate(TILED):
            tied = tilings.at(fits & (cost[i] <= least[i].take(tilings.array)))
            space, hardware = self._space(tied)
            on_array, words, _ = search_grids(self._layer, space, hardware)
            best = _first_of_fewest(tied, words[i, 0], self._count)
            tiles: Any = (*space.maps, *space.channels, space.tile_words, space.rounds)
            flat = Tile._make([np.broadcast_to(figure, space.fits.shape)[0] for figure in tiles])
            found[dataflow] = BestTiles.of(flat, on_array[i, 0], words[i, 0], best)
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

    def _least(self, cost: Array, fits: NDArray[np.bool_], array: Ints) -> Array:
        """Return the cost up to which a tiling is the best that fits, [dataflows, arrays]; infinite where none fits."""
        least: Array = np.full((len(TILED), self._count), np.inf)
        if array.size:
            begins = np.flatnonzero(np.diff(array, prepend=-1))
            least[:, array[begins]] = np.minimum.reduceat(np.where(fits, cost, np.inf), begins, axis=1) * EQUAL
        return least

    def _space(self, tilings: _Tilings) -> tuple[TilingSpace, Accelerator]:
        """Return the tilings as a grid of one row, and the accelerator of each."""
        hardware, multiplier = taken(self._machines, tilings.array), None
        if self._layer.is_depthwise:
            multiplier = self._layer.group_out_channels
        fill = hardware.array.rows / cycles_per_mac(self._layer, hardware.array)
        axes = self._axes
        maps = map_pairs(axes.rows.figures.at(tilings.rows), axes.cols.figures.at(tilings.cols), fill)
        ins, outs = axes.ins.figures.at(tilings.ins[None]), axes.outs.figures.at(tilings.outs[None])
        channels = channel_pairs(ins, outs, multiplier)
        return space_of(self._layer, hardware, maps, channels), hardware


def _first_of_fewest(tied: _Tilings, words: Array, count: int) -> Ints:
    """Return the place of each array's smallest tiling among those of the fewest words; -1 where there is none."""
    fewest = np.full(count, np.inf)
    np.minimum.at(fewest, tied.array, words)
    places = np.flatnonzero(words <= fewest[tied.array] * EQUAL)
    kept = tied.at(places)
    order = np.lexsort((kept.outs, kept.ins, kept.cols, kept.rows, kept.array))
    arrays, first = np.unique(kept.array[order], return_index=True)
    best = np.full(count, -1)
    best[arrays] = places[order[first]]
    return best
