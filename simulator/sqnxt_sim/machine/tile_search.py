"""Exhaustive search for the best tiling of a layer under each dataflow, and its cost.

The search minimises array cycles plus transfer cycles: SqueezeNext's "cost function which takes account of the
inference speed and the number of the DRAM accesses" (arXiv 1803.10615, section 3). Equal costs go to the fewest DRAM
words, and equal words to the smallest tile, by rows, columns, input and output channels in this order. So the tiling is
determined, and with it the time of the layer, which is not what the search minimises: parts of it overlap.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqnxt_sim.errors import NoRoomError
from sqnxt_sim.machine.accelerator import Accelerator, Dataflow
from sqnxt_sim.machine.axes import Array
from sqnxt_sim.machine.dataflows import (
    TILED,
    array_cycles,
    buffer_words,
    executed_macs,
    fill_drain_cycles,
    register_file_accesses,
)
from sqnxt_sim.machine.operand_limits import fits_parts, limited_cycles, systolic_cycles, weight_words
from sqnxt_sim.machine.tiling import Tile, TilingSpace, WordScale, dram_words, word_scale
from sqnxt_sim.machine.tiling_cost import Cycles, Energy, TilingCost, larger, overlapped_cycles
from sqnxt_sim.workload import ConvLayer

EQUAL = 1 + 1e-12  # figures whose ratio is less than this are equal up to rounding


def best_tilings(layer: ConvLayer, space: TilingSpace, accelerator: Accelerator) -> dict[Dataflow, TilingCost]:
    """Return the best tiling of each dataflow that the accelerator has and that cuts a layer to tiles, with its cost.

    Raises:
        SimulatorError: No tiling fits the parts of the buffer.
    """
    on_array, words, scales = search_grids(layer, space, accelerator)
    transfer = words / accelerator.dram_words_per_cycle
    if accelerator.has_limits:
        space, on_array, transfer = _limited(layer, space, accelerator, on_array, words)
    minimised = np.where(space.fits, on_array + transfer, np.inf)
    costs = {}
    for i, dataflow in enumerate(TILED):
        if dataflow not in accelerator.dataflows:
            continue
        best = _best(minimised[i], words[i])
        tile, scale = space.at(best), scales[i]
        moved = _moved(layer, space, tile, best, words[i].item(best), accelerator, scale)
        costs[dataflow] = TilingCost(
            dataflow=dataflow,
            tiling=tile.tiling,
            cycles=layer_cycles(on_array[i].item(best), tile.rounds, moved, accelerator),
            energy=layer_energy(dataflow, layer, tile, scale, moved.total, accelerator),
            executed_macs=executed_macs(dataflow, layer),
            dram_words=moved.total,
            buffer_words=tile.words,
        )
    return costs


def search_grids(
    layer: ConvLayer, space: TilingSpace, accelerator: Accelerator
) -> tuple[Array, Array, list[WordScale]]:
    """Return array cycles and DRAM words, [dataflows, channel tilings, map tilings] each, and each dataflow's scale."""
    scales = [word_scale(layer, accelerator, dataflow) for dataflow in TILED]
    stored = {scale.stored_weight: None for scale in scales}  # one for both where weights are not compressed
    each = np.array(list(stored)).reshape(-1, 1, 1)
    words = dram_words(layer, scales[0], each, space.maps, space.channels)
    on_array = array_cycles(layer, space.maps, space.channels, accelerator.array)
    on_array += fill_drain_cycles(accelerator.array) * space.rounds
    return on_array, words if len(stored) == len(scales) else words.repeat(len(scales), axis=0), scales


def _limited(
    layer: ConvLayer, space: TilingSpace, accelerator: Accelerator, on_array: Array, words: Array
) -> tuple[TilingSpace, Array, Array]:
    """Return tilings that fit, array cycles and transfer cycles under the limits that differ by operand."""
    scales = [word_scale(layer, accelerator, dataflow) for dataflow in TILED]
    space = space._replace(fits=fits_parts(layer, space, accelerator, scales[0]))
    if not space.fits.any():
        raise NoRoomError(
            f"layer {layer.name!r}",
            f"not even the smallest tile fits the parts of the buffer of {accelerator.name}",
            "use an accelerator with larger ones",
        )
    if accelerator.array.systolic:
        on_array[0] = systolic_cycles(layer, space.maps, space.channels, accelerator)
    for i, dataflow in enumerate(TILED):
        on_array[i] = limited_cycles(on_array[i], dataflow, layer, space, accelerator, scales[i])
    weights = np.array([weight_words(layer, scale, space.maps, space.channels) for scale in scales])
    return space, on_array, accelerator.transfer_cycles(words - weights, weights)


def _best(minimised: Array, words: Array) -> tuple[int, int]:
    """Return the place of the least cost, then of the fewest DRAM words, then of the smallest tile."""
    ties = (minimised <= minimised.min() * EQUAL).ravel().nonzero()[0]
    if ties.size > 1:
        moved = words.ravel()[ties]
        ties = ties[moved <= moved.min() * EQUAL]
    places: list[tuple[int, int]] = [divmod(tie, minimised.shape[1]) for tie in ties.tolist()]
    return min(places, key=lambda place: place[::-1])  # by rows and columns first


class Moved(NamedTuple):
    """Words between DRAM and buffer: all of them, and those of the first load and the last store.

    `weights` and `first_weights` are those among them that come from a memory of their own.
    """

    total: float
    first_load: float
    last_store: float
    weights: float = 0.0
    first_weights: float = 0.0


def _moved(
    layer: ConvLayer, space: TilingSpace, tile: Tile, place: tuple[int, int], words: float, accelerator: Accelerator,
    scale: WordScale,
) -> Moved:  # fmt: skip
    """Return the words of the tiling at a place of the grid; weights apart where they have a memory of their own."""
    moved = Moved(words, tile.load_words(layer, scale), tile.store_words(scale))
    if accelerator.dram.weight_bytes_per_second is None:
        return moved
    grid = np.broadcast_to(weight_words(layer, scale, space.maps, space.channels), space.fits.shape)
    first_weights = layer.kernel_size * tile.in_channels * tile.out_channels * scale.stored_weight
    return moved._replace(weights=grid.item(place), first_weights=first_weights)


def layer_cycles(on_array: float, rounds: float, moved: Moved, accelerator: Accelerator) -> Cycles:
    """Return the cycles of a layer by component, with the largest tile as the first load and the last store.

    The mean work of a round stands for that on the last tile.

    Example: 8 words a cycle, a latency of 100 cycles, and 10 rounds of 500 cycles each. They move 24000 words, of which
    800 are in the first load and 200 in the last store. The first load and the last store take 2 * 100 + 1000 / 8 = 325
    cycles, the last tile 500. In between, the array works for 4500 cycles while transfers take (24000 - 1000) / 8 +
    9 * 100 = 3775. In total that is 325 + 4500 + 500 = 5325 cycles.
    """
    latency, filling = accelerator.latency_cycles, fill_drain_cycles(accelerator.array) * rounds
    first_maps = moved.first_load - moved.first_weights + moved.last_store
    maps = moved.total - moved.weights
    if accelerator.dram.pipelined:
        transfer = accelerator.transfer_cycles(maps, moved.weights)
        return overlapped_cycles(on_array, transfer, filling)
    other_maps, other_weights = larger(maps - first_maps, 0.0), larger(moved.weights - moved.first_weights, 0.0)
    return Cycles(
        array=on_array,
        dram_bandwidth=accelerator.transfer_cycles(other_maps, other_weights),
        dram_latency=latency * (rounds - 1),
        fill_drain=2 * latency + accelerator.transfer_cycles(first_maps, moved.first_weights),
        last_tile=on_array / rounds,
        array_fill_drain=filling,
    )


def layer_energy(
    dataflow: Dataflow, layer: ConvLayer, tile: Tile, scale: WordScale, words: float, accelerator: Accelerator
) -> Energy:
    """Return the energy of one image; words to and from DRAM cross the buffer too."""
    table = accelerator.energy
    on_chip_words = buffer_words(dataflow, layer, tile, accelerator.array, scale)
    return Energy(
        mac=table.mac * executed_macs(dataflow, layer) * scale.activation * scale.weight,
        register_file=table.register_file * register_file_accesses(dataflow, layer),
        buffer=table.buffer * (on_chip_words + words),
        dram=table.dram * words,
    )
