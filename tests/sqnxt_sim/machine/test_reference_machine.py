"""The closed forms of the model equal the counts of a machine that runs small layers through the very loop nest."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from helpers.reference_machine import Machine, convolution, run
from sqnxt_sim import ConvLayer, Dataflow, SimulatorError, Tiling, load_accelerator
from sqnxt_sim.machine.dataflows import TILED, array_cycles, buffer_words, fill_drain_cycles
from sqnxt_sim.machine.tile_search import Moved, layer_cycles
from sqnxt_sim.machine.tiling import dram_words as closed_dram_words
from sqnxt_sim.machine.tiling import tiling_space, word_scale

PRESET = load_accelerator("squeezelerator-8x8")


@st.composite
def problems(draw: st.DrawFn) -> tuple[Any, ...]:
    """Draw a small layer with integer data and weights, an array, and one of the tilings that the search considers."""

    def number(low: int, high: int) -> int:
        return draw(st.integers(low, high))

    groups = draw(st.sampled_from([1, 1, 2, 4]))
    depthwise = groups > 1 and draw(st.booleans())
    try:
        layer = ConvLayer(
            name="layer",
            in_channels=groups if depthwise else groups * number(1, 6),
            out_channels=groups * number(1, 6),
            in_height=number(1, 8),
            in_width=number(1, 8),
            kernel_height=number(1, draw(st.sampled_from([3, 7]))),
            kernel_width=number(1, draw(st.sampled_from([3, 7]))),
            stride_height=number(1, 4),
            stride_width=number(1, 4),
            dilation_height=number(1, 2),
            **{f"pad_{side}": number(0, 2) for side in ("top", "left", "bottom", "right")},
            groups=groups,
        )
    except SimulatorError:
        assume(False)
    assume(layer.macs <= 20_000)
    random = np.random.default_rng(number(0, 2**32))
    weights = random.integers(
        -3, 4, size=(layer.out_channels, layer.group_in_channels, layer.kernel_height, layer.kernel_width)
    )
    weights *= random.random(weights.shape) >= draw(st.sampled_from([0, 0.4, 0.9, 1]))
    data = random.integers(-9, 10, size=(layer.in_channels, layer.in_height, layer.in_width))
    layer = replace(layer, nonzero_weights=int(np.count_nonzero(weights)))
    array = replace(
        PRESET.array,
        rows=number(1, 4),
        cols=number(1, 4),
        partial_sums_per_pe=number(1, 4),
        multiplier_bits=draw(st.sampled_from([None, 8, 16])),
        multipliers_per_pe=draw(st.sampled_from([1, 2])),
    )
    index_bits = st.sampled_from([None, 0, 4])
    dram = replace(PRESET.dram, weight_index_bits=draw(index_bits), weight_stationary_index_bits=draw(index_bits))
    accelerator = replace(PRESET, array=array, dram=dram)
    space = tiling_space(layer, accelerator)
    places = np.argwhere(space.fits).tolist()
    return layer, data, weights, accelerator, space, tuple(places[number(0, len(places) - 1)])


@settings(max_examples=500, deadline=None)
@given(problems(), st.sampled_from(TILED), st.sampled_from(list(permutations("sck"))))
def test_closed_forms_equal_the_counts(
    problem: tuple[Any, ...], dataflow: Dataflow, order: tuple[str, str, str]
) -> None:
    layer, data, weights, accelerator, space, place = problem
    tile, array, scale = space.at(place), accelerator.array, word_scale(layer, accelerator, dataflow)
    machine = Machine(layer, accelerator, data, weights, dataflow)
    dram_words = run(machine, tile.tiling, "".join(order))
    assert (machine.output == convolution(layer, data, weights)).all()
    assert tile.rounds == len(machine.rounds)

    computing = array_cycles(layer, space.maps, space.channels, array)[TILED.index(dataflow)][place]
    on_array = computing + fill_drain_cycles(array) * tile.rounds
    assert on_array == pytest.approx(machine.cycles(), rel=1e-12)
    words = buffer_words(dataflow, layer, tile, array, scale)
    assert words == pytest.approx(machine.counts["words"], rel=1e-12)

    moved = Moved(dram_words, tile.load_words(layer, scale), tile.store_words(scale))
    cycles = layer_cycles(on_array, tile.rounds, moved, accelerator)
    assert cycles.total == pytest.approx(machine.time(dram_words), rel=1e-12)
    assert cycles.array_fill_drain == machine.counts["fill and drain"]


@settings(max_examples=200, deadline=None)
@given(problems(), st.sampled_from(TILED))
def test_dram_words_are_those_of_the_best_order(problem: tuple[Any, ...], dataflow: Dataflow) -> None:
    layer, data, weights, accelerator, space, place = problem
    machine = Machine(layer, accelerator, data, weights, dataflow)
    moved = [run(machine, space.at(place).tiling, "".join(order), compute=False) for order in permutations("sck")]
    scale = word_scale(layer, accelerator, dataflow)
    words = closed_dram_words(layer, scale, scale.stored_weight, space.maps, space.channels)[place]
    assert words == pytest.approx(min(moved), rel=1e-12)


@pytest.mark.parametrize(
    ("dataflow", "work"), [("weight_stationary", 16 * 2), ("output_stationary", 4 * 8 + 2 * 4 * 4)]
)
def test_even_tiles_need_no_idealisation(dataflow: str, work: int) -> None:
    """Where all tiles are equal, the first, the last and the mean one are the same: 4 of 4x8 pixels on 4x4 PEs.

    Weight stationary streams 32 pixels past a block of weights. Output stationary takes two blocks of pixels, each with
    16 weights, and drains 4 channels over 4 rows.
    """
    layer = ConvLayer(name="even", in_channels=4, out_channels=4, in_height=8, in_width=16, nonzero_weights=16)
    accelerator = replace(PRESET, array=replace(PRESET.array, rows=4, cols=4, partial_sums_per_pe=4))
    machine = Machine(layer, accelerator, np.ones((4, 8, 16), int), np.ones((4, 4, 1, 1), int), Dataflow(dataflow))
    dram_words = run(machine, Tiling(rows=4, cols=8, in_channels=4, out_channels=4), "sck")
    tile_cycles, tile_pixels = work + 2 * (4 + 4), 4 * 8 * 4
    assert dram_words == 2 * 8 * 16 * 4 + 16
    first_load, transfers = (tile_pixels + 16) / 8, (3 * tile_pixels + 3 * tile_pixels) / 8 + 3 * 100
    assert machine.time(dram_words) == (
        100 + first_load + max(3 * tile_cycles, transfers) + tile_cycles + 100 + tile_pixels / 8
    )
