"""The few tilings of a layer that are the best on some accelerator, for many accelerators that share a PE array.

`tile_search` takes the tiling of least array cycles plus DRAM words / bandwidth, among those that fit the buffer.
Whatever bandwidth and buffer, that is a tiling that no smaller one beats in both figures. A layer has a dozen of them
among thousands of tilings. Energies, latency and clock do not enter the search at all.

Example: of tilings with (array cycles, DRAM words) of (100, 900), (120, 500), (130, 600) and (300, 400) that all fit,
the third is never the best. At 8 words a cycle the second is (120 + 500 / 8 = 182.5), at half a word a cycle the last
(300 + 400 / 0.5 = 1100). If only the last two fit, the third is the best at 8 words a cycle.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from sqnxt_sim.machine.accelerator import Accelerator, Dataflow
from sqnxt_sim.machine.axes import Array, Ints
from sqnxt_sim.machine.best_tiles import BestTiles
from sqnxt_sim.machine.dataflows import TILED
from sqnxt_sim.machine.tile_search import EQUAL, search_grids
from sqnxt_sim.machine.tiling import Tile, TilingSpace, tiling_space
from sqnxt_sim.workload import ConvLayer

_LARGEST_BUFFER = 2**48  # bytes; every tiling fits it
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
        tiles: Their figures.
        on_array: Array cycles, with the fill and drain of every round.
        words: Words between DRAM and buffer.
    """

    tiles: Tile
    on_array: Array
    words: Array

    def best(self, conditions: Conditions) -> Ints:
        """Return the place of the best tiling under each condition, or -1 where none fits, as `tile_search` does."""
        if not self.words.size:
            return np.full(conditions.room.size, -1)
        sizes: Any = self.tiles.words
        cost = self.on_array[:, None] + self.words[:, None] / conditions.words_per_cycle
        cost[sizes[:, None] > conditions.room] = np.inf
        least = cost.min(axis=0)
        first: Ints = (cost <= least * EQUAL).argmax(axis=0)
        return np.where(np.isfinite(least), first, -1)


class FrontSearch:
    """The search on some accelerators of one kind that share a PE array, stacked."""

    def __init__(self, machines: Accelerator, count: int) -> None:
        room = machines.buffer_words / machines.buffer.copies
        pairs = np.stack([np.broadcast_to(number, count) for number in (machines.dram_words_per_cycle, room)])
        distinct, which = np.unique(pairs, axis=1, return_inverse=True)
        self._conditions, self._which = Conditions(*distinct), which.reshape(-1)
        # Every tiling is a candidate: each accelerator has a buffer of its own.
        self._roomy = replace(machines, buffer=replace(machines.buffer, bytes=_LARGEST_BUFFER, capacity_divisor=1))

    def best(self, layer: ConvLayer) -> dict[Dataflow, BestTiles]:
        """Return the best tiling in each dataflow on each accelerator, as `tile_search` does.

        Raises:
            SimulatorError: There are too many tilings to search.
        """
        fronts = _layer_fronts(layer, tiling_space(layer, self._roomy), self._roomy, self._conditions.room)
        return {
            dataflow: BestTiles.of(*front, front.best(self._conditions)[self._which])
            for dataflow, front in fronts.items()
        }


def _layer_fronts(
    layer: ConvLayer, space: TilingSpace, accelerator: Accelerator, rooms: Array
) -> dict[Dataflow, Front]:
    """Return for each dataflow the tilings of a layer that are the best for some bandwidth and one of the rooms."""
    fronts = {}
    on_array_grids, words_grids, _ = search_grids(layer, space, accelerator)
    for dataflow, on_array_grid, words_grid in zip(TILED, on_array_grids, words_grids, strict=True):
        on_array, words = _in_order(on_array_grid), _in_order(words_grid)
        places = _undominated(on_array, words, _in_order(space.tile_words), np.unique(rooms))
        places = places[np.lexsort((places, _ranks(words[places])))]
        fronts[dataflow] = Front(_tiles(space, places), on_array[places], words[places])
    return fronts


def _in_order(grid: Array) -> Array:
    """Return a grid [channel tilings, map tilings] as a vector in the order in which the search prefers equal ones."""
    vector: Array = grid.T.ravel()
    return vector


def _undominated(on_array: Array, words: Array, tile_words: Array, rooms: Array) -> Ints:
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


def _ranks(values: Array) -> Ints:
    """Return the rank of each value; values that are equal up to rounding share one."""
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    ranks = np.zeros(values.size, dtype=np.int64)
    ranks[order[1:]] = np.cumsum(ascending[1:] > ascending[:-1] * EQUAL)
    return ranks


def _tiles(space: TilingSpace, places: Ints) -> Tile:
    """Return the figures of several tilings as one tile whose fields are arrays."""
    of_map, of_channels = np.divmod(places, space.channels.in_tiles.size)
    figures: list[Any] = [figure.ravel()[of_map] for figure in space.maps]
    figures += [figure.ravel()[of_channels] for figure in space.channels]
    figures += [space.tile_words[of_channels, of_map], space.rounds[of_channels, of_map]]
    return Tile._make(figures)
