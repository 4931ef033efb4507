"""Branch and bound over many PE arrays finds what the exhaustive search finds on each of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnxt_sim import Accelerator, ConvLayer, NoRoomError, SimulatorError, load_accelerator
from sqnxt_sim.machine import array_search, tiling
from sqnxt_sim.machine.accelerator_vectors import stacked
from sqnxt_sim.machine.array_search import ArraySearch
from sqnxt_sim.machine.best_tiles import BestTiles
from sqnxt_sim.machine.dataflows import TILED
from sqnxt_sim.machine.tile_search import best_tilings
from sqnxt_sim.machine.tiling import Tile, TilingSpace, tiling_space

BASE = load_accelerator("squeezelerator-8x8")


def accelerator(rows: int, cols: int, sums: int, buffer: int, bandwidth: float) -> Accelerator:
    return replace(
        BASE,
        array=replace(BASE.array, rows=rows, cols=cols, partial_sums_per_pe=sums),
        buffer=replace(BASE.buffer, bytes=buffer),
        dram=replace(BASE.dram, bytes_per_second=bandwidth),
    )


def conv_layer(
    size: tuple[int, int], channels: int, filters: int, groups: int, kernel: tuple[int, int], stride: tuple[int, int],
    pad: int = 0, weight_bits: int | None = None,
) -> ConvLayer:  # fmt: skip
    return ConvLayer(
        name="layer", in_channels=channels * groups, out_channels=filters * groups, groups=groups,
        in_height=size[0] + kernel[0], in_width=size[1] + kernel[1], kernel_height=kernel[0], kernel_width=kernel[1],
        stride_height=stride[0], stride_width=stride[1], pad_top=pad, pad_left=pad, weight_bits=weight_bits,
    )  # fmt: skip


accelerators = st.lists(
    st.builds(
        accelerator, st.integers(1, 40), st.integers(1, 40), st.sampled_from((1, 4, 16)),
        st.sampled_from((50, 300, 1000, 4000, 1 << 17)), st.sampled_from((1e7, 1e9, 1e12)),
    ),
    min_size=2, max_size=6,
)  # fmt: skip
layers = st.builds(
    conv_layer, st.tuples(st.integers(0, 30), st.integers(0, 30)), st.just(1) | st.integers(1, 70), st.integers(1, 40),
    st.sampled_from((1, 1, 1, 2, 7, 40)), st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 6), st.integers(1, 6)), st.integers(0, 2), st.sampled_from((None, 5, 8)),
)  # fmt: skip


def check(layer: ConvLayer, group: list[Accelerator]) -> None:
    found = ArraySearch(stacked(group), len(group)).best(layer)
    for place, one in enumerate(group):
        try:
            costs = best_tilings(layer, tiling_space(layer, one), one)
        except NoRoomError:
            assert all(np.isnan(found[dataflow].on_array[place]) for dataflow in TILED)
            continue
        for dataflow in TILED:
            cost, best = costs[dataflow], found[dataflow]
            assert tile_at(best, place).tiling == cost.tiling
            assert best.on_array[place] == cost.cycles.array
            assert best.words[place] == cost.dram_words
            assert tile_at(best, place).words == cost.buffer_words


def tile_at(best: BestTiles, place: int) -> Tile:
    return Tile._make(float(np.asarray(figure)[place]) for figure in best.tile)


@pytest.mark.parametrize(("block", "most"), [(2**13, 2**22), (7, 1)], ids=["at once", "in parts"])
@settings(max_examples=60, deadline=None)
@given(layer=layers, group=accelerators)
def test_the_best_tiling_is_that_of_the_exhaustive_search(
    layer: ConvLayer, group: list[Accelerator], block: int, most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(array_search, "_BLOCK", block)
        patch.setattr(array_search, "_MOST_TILINGS", most)
        check(layer, group)


def test_a_kernel_that_skips_columns_is_cut_even_where_the_whole_costs_more() -> None:
    """A tile of one column does not read the columns between two windows; the whole width reads them."""
    layer = conv_layer((30, 30), 2, 2, 1, (2, 2), stride=(3, 4))
    check(layer, [accelerator(rows, cols, 16, 1 << 17, 1e9) for rows in (1, 4) for cols in (1, 4)])


def test_few_tilings_are_costed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds leave out most tilings, or searching arrays together would gain nothing."""
    layer = conv_layer((28, 28), 32, 32, 1, (3, 1), stride=(1, 1), pad=1)
    group = [accelerator(rows, cols, 16, 1 << 17, 1e10) for rows in (8, 16, 24) for cols in (8, 16, 24)]
    costed: list[int] = []
    of_search = array_search.search_grids

    def counted(layer: ConvLayer, space: TilingSpace, hardware: Accelerator) -> Any:
        costed.append(space.fits.size)
        return of_search(layer, space, hardware)

    monkeypatch.setattr(array_search, "search_grids", counted)
    ArraySearch(stacked(group), len(group)).best(layer)
    assert sum(costed) < sum(tiling_space(layer, one).fits.size for one in group) / 3


def test_too_many_tilings_are_refused_as_on_a_single_array(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = conv_layer((30, 20), 8, 8, 1, (3, 3), stride=(1, 1), pad=1)
    group = [accelerator(rows, 8, 16, 1 << 17, 1e9) for rows in (4, 8)]
    most = max(tiling_space(layer, one).fits.size for one in group)
    monkeypatch.setattr(tiling, "_MAX_TILINGS", most)
    check(layer, group)
    monkeypatch.setattr(tiling, "_MAX_TILINGS", most - 1)
    with pytest.raises(SimulatorError, match="too many to search"):
        ArraySearch(stacked(group), 2).best(layer)
