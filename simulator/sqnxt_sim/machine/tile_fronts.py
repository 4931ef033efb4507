"""The few tilings of a layer that are the best on some accelerator, for many accelerators that share a PE array.

`tile_search` takes the tiling of least array cycles plus DRAM words / bandwidth, among those that fit the buffer.
Whatever bandwidth and buffer, that is a tiling that no smaller one beats in both figures. A layer has a dozen of them
among thousands of tilings. Energies, latency and clock do not enter the search at all.

Example: of tilings with (array cycles, DRAM words) of (100, 900), (120, 500), (130, 600) and (300, 400) that all fit,
the third is never the best. At 8 words a cycle the second is (120 + 500 / 8 = 182.5), at half a word a cycle the last
(300 + 400 / 0.5 = 1100). If only the last two fit, the third is the best at 8 words a cycle.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqnxt_sim.machine.accelerator import Accelerator, Dataflow
from sqnxt_sim.machine.axes import Array
from sqnxt_sim.machine.dataflows import TILED, executed_macs, register_file_accesses
from sqnxt_sim.machine.dataflows import buffer_words as words_on_chip
from sqnxt_sim.machine.tile_search import EQUAL, search_grids
from sqnxt_sim.machine.tiling import Tile, TilingSpace
from sqnxt_sim.workload import ConvLayer

_Ints = NDArray[np.int64]
_FEW = 4  # conditions whose best tilings are found faster one by one
_MOST_CELLS = 2**20  # of a table; with more tilings times sizes of buffers, several sizes are one class


class Conditions(NamedTuple):
    """What the choice of a tiling depends on, on one PE array; float64 [conditions] each.

    Attributes:
        words_per_cycle: Native words per cycle between DRAM and buffer.
        room: Words of the largest tile that fits the buffer.
    """

    words_per_cycle: Array
    room: Array


class Front(NamedTuple):
    """Tilings of a layer in one dataflow, by rising DRAM words and then as in the search; float64 [tilings] each.

    Attributes:
        on_array: Array cycles, with the fill and drain of every round.
        words: Words between DRAM and buffer.
        tile_words: Words of the largest tile in the buffer.
        rounds: Number of tiles over all loops.
        exposed: Words of the first load and of the last store, which overlap with nothing.
        on_chip: Words between buffer and array.
        mac_energy: Energy of all MACs in MACs of native width, a single number.
        register_file: Register file accesses, a single number.
    """

    on_array: Array
    words: Array
    tile_words: Array
    rounds: Array
    exposed: Array
    on_chip: Array
    mac_energy: float
    register_file: float

    def best(self, conditions: Conditions) -> _Ints:
        """Return the index of the best tiling under each condition, or -1 where none fits, as `tile_search` does."""
        if not self.words.size:
            return np.full(conditions.room.size, -1)
        cost = self.on_array[:, None] + self.words[:, None] / conditions.words_per_cycle
        cost[self.tile_words[:, None] > conditions.room] = np.inf
        least = cost.min(axis=0)
        first: _Ints = (cost <= least * EQUAL).argmax(axis=0)
        return np.where(np.isfinite(least), first, -1)


def layer_fronts(
    layer: ConvLayer, space: TilingSpace, accelerator: Accelerator, conditions: Conditions
) -> dict[Dataflow, Front]:
    """Return for each dataflow the tilings of a layer that are the best under some of the conditions."""
    fronts = {}
    grids, tile_words = search_grids(layer, space, accelerator), _in_order(space.tile_words)
    for dataflow, on_array_grid, words_grid, scale in zip(TILED, *grids, strict=True):
        on_array, words = _in_order(on_array_grid), _in_order(words_grid)
        places = _candidates(on_array, words, tile_words, conditions)
        tiles = _tiles(space, places)
        figures: tuple[Any, ...] = (
            tiles.words,
            tiles.rounds,
            tiles.load_words(layer, scale) + tiles.store_words(scale),
            words_on_chip(dataflow, layer, tiles, accelerator.array, scale),
        )
        mac_energy = executed_macs(dataflow, layer) * scale.activation * scale.weight
        register_file = register_file_accesses(dataflow, layer)
        fronts[dataflow] = Front._make((on_array[places], words[places], *figures, mac_energy, register_file))
    return fronts


def _in_order(grid: Array) -> Array:
    """Return a grid [channel tilings, map tilings] as a vector in the order in which the search prefers equal ones."""
    vector: Array = grid.T.ravel()
    return vector


def _candidates(on_array: Array, words: Array, tile_words: Array, conditions: Conditions) -> _Ints:
    """Return the places of all tilings that may be the best, by rising words and then in the order of the search."""
    if conditions.room.size <= _FEW:
        cost = on_array + words / conditions.words_per_cycle[:, None]
        cost[tile_words > conditions.room[:, None]] = np.inf
        least = cost.min(axis=1, keepdims=True)
        places = ((cost <= least * EQUAL) & np.isfinite(cost)).any(axis=0).nonzero()[0]
    else:
        places = _undominated(on_array, words, tile_words, np.unique(conditions.room))
    ordered: _Ints = places[np.lexsort((places, _ranks(words[places])))]
    return ordered


def _undominated(on_array: Array, words: Array, tile_words: Array, rooms: Array) -> _Ints:
    """Return the places of tilings that no other beats in cycles, words and the rooms that it fits.

    In order of cycles, then of words, a tiling is beaten if an earlier one has no more words and fits wherever it does.
    Of tilings that are equal up to rounding, the search takes the first, which comes first here too.
    """
    classes, exact = rooms, rooms.size * on_array.size <= _MOST_CELLS
    if not exact:
        classes = rooms[np.linspace(0, rooms.size - 1, max(_MOST_CELLS // on_array.size, 2)).round().astype(np.int64)]
    fits_from = np.searchsorted(classes, tile_words)  # the smallest class that a tiling fits
    places = (fits_from < classes.size).nonzero()[0]
    words_rank = _ranks(words[places])
    order = np.lexsort((places, words_rank, _ranks(on_array[places])))
    places, words_rank, fits_from = places[order], words_rank[order], fits_from[places[order]]
    each = np.arange(places.size)
    fewest = np.full((classes.size + 1, places.size + 1), places.size, dtype=np.int64)  # [classes, tilings before]
    fewest[fits_from + 1, each + 1] = words_rank
    fewest = np.minimum.accumulate(np.minimum.accumulate(fewest, axis=0), axis=1)
    # Of two tilings in one class of several rooms, either may be the larger one: only lower classes count.
    return places[fewest[fits_from + exact, each] > words_rank]


def _ranks(values: Array) -> _Ints:
    """Return the rank of each value; values that are equal up to rounding share one."""
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    ranks = np.zeros(values.size, dtype=np.int64)
    ranks[order[1:]] = np.cumsum(ascending[1:] > ascending[:-1] * EQUAL)
    return ranks


def _tiles(space: TilingSpace, places: _Ints) -> Tile:
    """Return the figures of several tilings as one tile whose fields are arrays."""
    of_map, of_channels = np.divmod(places, space.channels.in_tiles.size)
    figures: list[Any] = [figure.ravel()[of_map] for figure in space.maps]
    figures += [figure.ravel()[of_channels] for figure in space.channels]
    figures += [space.tile_words[of_channels, of_map], space.rounds[of_channels, of_map]]
    return Tile._make(figures)
