"""The best tilings of a layer on many accelerators, and what they cost: vectors with one value for each accelerator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sqnxt_sim.machine.accelerator import Accelerator, Dataflow
from sqnxt_sim.machine.axes import Array, Ints
from sqnxt_sim.machine.tile_search import Moved, layer_cycles, layer_energy
from sqnxt_sim.machine.tiling import Tile, word_scale
from sqnxt_sim.machine.tiling_cost import Energy
from sqnxt_sim.workload import ConvLayer

FIGURES = ("cycles", *Energy.__slots__, "dram_words")
"""Rows of the arrays of figures: cycles, energies by component, and native words between DRAM and buffer."""


class BestTiles(NamedTuple):
    """The best tiling in one dataflow on each of many accelerators; NaN where none fits. Float64 [accelerators] each.

    Attributes:
        tile: Its figures.
        on_array: Array cycles, with the fill and drain of every round.
        words: Words between DRAM and buffer.
    """

    tile: Tile
    on_array: Array
    words: Array

    @classmethod
    def of(cls, tiles: Tile, on_array: Array, words: Array, best: Ints) -> BestTiles:
        """Return those of some tilings that are the best ones, by the place of each; -1 stands for none."""
        none = best < 0
        all_fit = not none.any()

        def chosen(figure: Any) -> Any:
            if all_fit:
                return figure.take(best)
            return np.where(none, np.nan, figure[best]) if figure.size else np.full(best.size, np.nan)

        return cls(Tile._make(map(chosen, tiles)), chosen(on_array), chosen(words))

    @classmethod
    def joined(cls, parts: Sequence[BestTiles]) -> BestTiles:
        """Return the tilings of several parts of the accelerators."""
        if len(parts) == 1:
            return parts[0]
        tiles: Any = zip(*(one.tile for one in parts), strict=True)
        on_array, words = (np.concatenate([one[field] for one in parts]) for field in (1, 2))
        return cls(Tile._make(map(np.concatenate, tiles)), on_array, words)


def fastest(
    layer: ConvLayer, tiles: Mapping[Dataflow, BestTiles], machines: Accelerator, dataflows: Sequence[Dataflow]
) -> Array:
    """Return the figures of one image in the faster one of some dataflows: float64 [figures, accelerators]."""
    costs = [_tile_figures(layer, dataflow, tiles[dataflow], machines) for dataflow in dataflows]
    first, other = costs[0], costs[-1]
    return np.where(other[0] < first[0], other, first)


def figures(accelerators: int, cycles: Any, energy: Energy, dram_words: Any) -> Array:
    """Return `FIGURES`, each a number for all accelerators or an array."""
    found: Array = np.empty((len(FIGURES), accelerators))
    for row, figure in enumerate((cycles, *(getattr(energy, part) for part in Energy.__slots__), dram_words)):
        found[row] = figure
    return found


def _tile_figures(layer: ConvLayer, dataflow: Dataflow, best: BestTiles, machines: Accelerator) -> Array:
    scale, tile = word_scale(layer, machines, dataflow), best.tile
    on_array: Any = best.on_array
    words: Any = best.words
    moved = Moved(words, tile.load_words(layer, scale), tile.store_words(scale))
    cycles = layer_cycles(on_array, tile.rounds, moved, machines)
    energy = layer_energy(dataflow, layer, tile, scale, words, machines)
    return figures(best.words.size, cycles.total, energy, words)
