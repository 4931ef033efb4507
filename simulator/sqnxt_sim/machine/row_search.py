"""The best mapping of a layer in row stationary, and its cost."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqnxt_sim.errors import NoRoomError, SimulatorError
from sqnxt_sim.machine.accelerator import Accelerator, Dataflow
from sqnxt_sim.machine.axes import Array
from sqnxt_sim.machine.row_figures import MappingFigures, figures_of, least_cycles, loaded_words
from sqnxt_sim.machine.row_stationary import Mappings, Problem, mappings_of, problem_of, strip_cols, strip_rows
from sqnxt_sim.machine.tiling import Tiling, WordScale, word_scale
from sqnxt_sim.machine.tiling_cost import Cycles, Energy, RowMapping, TilingCost
from sqnxt_sim.workload import ConvLayer

_EQUAL = 1 + 1e-12


def best_mapping(layer: ConvLayer, accelerator: Accelerator, mapping: RowMapping | None = None) -> TilingCost:
    """Return the cost of one image, a batch of them shared evenly, at the best mapping or at the given one.

    The search minimises array cycles plus transfer cycles, as that of tilings does; ties go to the fewest DRAM words
    and then to the fewest words between buffer and array.

    Raises:
        SimulatorError: The accelerator has no scratchpads, or no mapping fits.
    """
    scratchpad = accelerator.scratchpad
    if scratchpad is None:
        raise SimulatorError(accelerator.name, "has no [scratchpad]", "add it, as in the preset eyeriss")
    problem = problem_of(layer, accelerator, scratchpad)
    if mapping is not None:
        letters = (np.full((1, 1, 1), getattr(mapping, letter), dtype=float) for letter in Mappings._fields)
        return _cost(layer, mapping, figures_of(layer, problem, Mappings(*letters)), (0, 0, 0), accelerator)
    found: list[_Candidate] = []
    for mappings in mappings_of(layer, problem, accelerator, scratchpad):
        least = min((one.ranks[0] for one in found), default=np.inf)
        if (one := _best_of_strip(layer, problem, mappings, accelerator, least)) is not None:
            found.append(one)
    if not found:
        raise NoRoomError(
            f"layer {layer.name!r}",
            f"not even the smallest mapping fits the {accelerator.buffer.bytes} byte buffer of {accelerator.name}",
            "use an accelerator with a larger buffer",
        )
    ranks = np.array([one.ranks for one in found])
    best = found[_best(*ranks.T)[0]]
    return _cost(layer, best.mappings.at(best.place), best.figures, best.place, accelerator)


class _Candidate(NamedTuple):
    """The best mapping of a strip: what is minimised, then DRAM words, then words between buffer and array."""

    ranks: tuple[float, float, float]
    mappings: Mappings
    figures: MappingFigures
    place: tuple[int, ...]


def _best_of_strip(
    layer: ConvLayer, problem: Problem, mappings: Mappings, accelerator: Accelerator, least: float
) -> _Candidate | None:
    """Return the best of some mappings; None if none of them fits the buffer and may cost as little as `least`."""
    promising = _promising(layer, problem, mappings, accelerator, least)
    if promising is None:
        return None
    mappings = promising
    figures = figures_of(layer, problem, mappings)
    words, minimised = _minimised(layer, figures, accelerator)
    moved = figures.inputs + figures.weights + figures.sums_written + figures.sums_read
    place = _best(minimised, words, moved)
    return _Candidate((minimised[place], words[place], moved[place]), mappings, figures, place)


def _promising(
    layer: ConvLayer, problem: Problem, mappings: Mappings, accelerator: Accelerator, least: float
) -> Mappings | None:
    """Return the mappings that may be the best one: those whose lower bound is no more than the cost of some mapping.

    The bound leaves out the cycles that load filters and fill the array.
    """
    scale = word_scale(layer, accelerator, Dataflow.ROW_STATIONARY)
    inputs, weights = loaded_words(layer, problem, mappings)
    results = layer.batch * layer.out_pixels * layer.out_channels * scale.stored_output
    words = inputs * scale.stored_input + weights * scale.stored_weight + results
    cycles = least_cycles(layer, problem, mappings, accelerator.buffer.output_words_per_cycle)
    fits = mappings.m >= mappings.p * mappings.t
    bound = np.where(fits, cycles + words / accelerator.dram_words_per_cycle, np.inf)
    lowest = bound.min()
    if not lowest <= least * _EQUAL or np.isinf(lowest):
        return None
    first = mappings.only(bound == lowest)
    cost = min(least, _minimised(layer, figures_of(layer, problem, first), accelerator)[1].min())
    return mappings.only(bound <= cost * _EQUAL)


def _minimised(layer: ConvLayer, figures: MappingFigures, accelerator: Accelerator) -> tuple[Array, Array]:
    """Return the DRAM words of every mapping, and the cost that the search minimises."""
    words = dram_words(layer, figures, word_scale(layer, accelerator, Dataflow.ROW_STATIONARY))
    return words, array_cycles(figures, accelerator) + words / accelerator.dram_words_per_cycle


def array_cycles(figures: MappingFigures, accelerator: Accelerator) -> Array:
    """Return the cycles of all passes.

    PEs multiply while the map and the partial sums move. Filters load before a pass begins, because a scratchpad holds
    those of one pass.
    """
    limits = accelerator.buffer.words_per_cycle
    inputs, sums = (
        0 * words if limit is None else words / limit
        for words, limit in ((figures.inputs, limits[0]), (figures.sums_written, limits[2]))
    )
    loading = 0.0 if limits[1] is None else figures.weights / limits[1]
    filling = figures.passes * fill_drain_cycles(accelerator)
    cycles: Array = np.maximum(np.maximum(figures.steps, inputs), sums) + loading + filling
    return cycles


def fill_drain_cycles(accelerator: Accelerator) -> int:
    """Return the cycles in which a pass fills the array, from corner to corner, and drains it again."""
    return 2 * (accelerator.array.rows + accelerator.array.cols)


def dram_words(layer: ConvLayer, figures: MappingFigures, scale: WordScale) -> Array:
    """Return the words between DRAM and buffer, as stored."""
    results = layer.batch * layer.out_pixels * layer.out_channels
    loaded = figures.loaded_inputs * scale.stored_input + figures.loaded_weights * scale.stored_weight
    return loaded + results * scale.stored_output


def _best(minimised: Array, *ties: Array) -> tuple[int, ...]:
    best = minimised <= minimised.min() * _EQUAL
    for tie in ties:
        values = np.where(best, tie, np.inf)
        best = values <= values.min() * _EQUAL
    return tuple(int(index) for index in np.unravel_index(int(best.argmax()), best.shape))


def _cost(
    layer: ConvLayer, mapping: RowMapping, figures: MappingFigures, place: tuple[int, ...], accelerator: Accelerator
) -> TilingCost:
    """Return the cost of one mapping; what DRAM moves crosses the buffer too."""
    chosen = MappingFigures(*(np.broadcast_to(figure, np.broadcast(*figures).shape)[place] for figure in figures))
    scale = word_scale(layer, accelerator, Dataflow.ROW_STATIONARY)
    words, table, images = float(dram_words(layer, chosen, scale)), accelerator.energy, layer.batch
    macs = layer.out_pixels * layer.weights
    # A PE neither multiplies nor reads weights and partial sums where the input is zero.
    live = macs * (1 - (layer.input_zeros or 0.0))
    moved = scale.activation * (chosen.inputs + chosen.sums_written + chosen.sums_read) + scale.weight * chosen.weights
    return TilingCost(
        dataflow=Dataflow.ROW_STATIONARY,
        tiling=Tiling(
            rows=mapping.e,
            cols=mapping.f,
            in_channels=min(mapping.q * mapping.r, layer.group_in_channels),
            out_channels=min(mapping.m, layer.group_out_channels),
        ),
        cycles=_cycles(layer, mapping, chosen, words, accelerator),
        energy=Energy(
            mac=table.mac * live * scale.activation * scale.weight,
            register_file=table.register_file * (macs + 3 * live),
            buffer=table.buffer * (float(moved) + words) / images,
            dram=table.dram * words / images,
        ),
        executed_macs=macs,
        dram_words=words / images,
        buffer_words=_held_words(layer, mapping, scale),
        mapping=mapping,
    )


def _held_words(layer: ConvLayer, mapping: RowMapping, scale: WordScale) -> float:
    """Return the words in the buffer: the strips of a pass, and the partial sums of m filters."""
    inputs = mapping.q * mapping.r * strip_rows(layer, mapping.e)[0] * strip_cols(layer, mapping.f)[0]
    return scale.activation * mapping.n * (inputs + mapping.m * mapping.e * mapping.f)


def _cycles(
    layer: ConvLayer, mapping: RowMapping, chosen: MappingFigures, words: float, accelerator: Accelerator
) -> Cycles:
    """Return the mean cycles of an image.

    The filters of the next pass load during a pass. Maps do so too in a buffer that is double buffered, up to the first
    load and the last store of the batch. In one that is not, as in Eyeriss, the array waits for them.
    """
    scale = word_scale(layer, accelerator, Dataflow.ROW_STATIONARY)
    latency, images = accelerator.latency_cycles, layer.batch
    filters = float(chosen.loaded_weights) * scale.stored_weight
    on_array, rounds = float(array_cycles(chosen, accelerator)), float(chosen.rounds)
    strip = mapping.n * mapping.q * mapping.r * strip_rows(layer, mapping.e)[0] * strip_cols(layer, mapping.f)[0]
    stored = mapping.n * mapping.e * mapping.f * min(mapping.m, layer.group_out_channels)
    maps = words - filters
    if accelerator.buffer.double_buffered:
        exposed_maps = min(strip * scale.stored_input + stored * scale.stored_output, maps)
        exposed_filters, waits, last = filters / float(chosen.passes), 2.0, on_array / rounds
    else:
        exposed_maps, exposed_filters, waits, last = maps, 0.0, 2 * rounds, 0.0
    return Cycles(
        array=on_array / images,
        dram_bandwidth=accelerator.transfer_cycles(maps - exposed_maps, filters - exposed_filters) / images,
        dram_latency=latency * (rounds - 1) / images if accelerator.buffer.double_buffered else 0.0,
        fill_drain=(latency * waits + accelerator.transfer_cycles(exposed_maps, exposed_filters)) / images,
        last_tile=last / images,
        array_fill_drain=float(chosen.passes) * fill_drain_cycles(accelerator) / images,
    )
