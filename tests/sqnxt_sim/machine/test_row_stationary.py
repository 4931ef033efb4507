"""Row stationary: closed forms equal the counts of an executed loop nest, and the search equals brute force."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from math import ceil
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sqnxt_sim import ConvLayer, Dataflow, RowMapping, Scratchpad, SimulatorError, load_accelerator
from sqnxt_sim.machine.row_figures import figures_of
from sqnxt_sim.machine.row_search import best_mapping
from sqnxt_sim.machine.row_stationary import Mappings, _sizes, pe_sets, problem_of
from tests.helpers.reference_machine import chunks, convolution, touched

EYERISS = load_accelerator("eyeriss")
SMALL = replace(
    EYERISS,
    array=replace(EYERISS.array, rows=4, cols=3),
    buffer=replace(EYERISS.buffer, bytes=400),
    scratchpad=Scratchpad(input_words=4, weight_words=8, output_words=3),
)


def run(layer: ConvLayer, mapping: RowMapping, data: NDArray[Any], weights: NDArray[Any]) -> tuple[NDArray[Any], Any]:
    """Run a layer pass by pass, and count what passes between buffer and array; filters fit the array and a PE."""
    counts: Counter[str] = Counter()
    c, k = layer.group_in_channels, layer.group_out_channels
    pads = ((0, 0), (0, 0), (layer.pad_top, layer.pad_bottom), (layer.pad_left, layer.pad_right))
    padded = np.pad(data, pads)
    output = np.zeros((layer.batch, layer.out_channels, layer.out_height, layer.out_width), dtype=np.int64)
    loops = (
        range(layer.groups),
        chunks(range(layer.out_height), mapping.e),
        chunks(range(layer.out_width), mapping.f),
        chunks(range(layer.batch), mapping.n),
        chunks(range(k), mapping.p * mapping.t),
        chunks(range(c), mapping.q * mapping.r),
    )
    for group, strip, columns, images, filters, channels in product(*loops):
        busiest = 0
        for one, other in product(range(mapping.t), range(mapping.r)):
            mine, ins = list(filters)[one :: mapping.t], list(channels)[other :: mapping.r]
            busiest = max(busiest, len(images) * len(columns) * len(mine) * len(ins) * layer.kernel_width)
            for n, f, i, y, x in product(images, mine, ins, strip, columns):
                top, left = y * layer.stride_height, x * layer.stride_width
                window = padded[n, group * c + i, top : top + layer.kernel_height, left : left + layer.kernel_width]
                output[n, group * k + f, y, x] += (window * weights[group * k + f, i]).sum()
        read = touched(strip, layer.in_height, layer.kernel_height, layer.stride_height, layer.pad_top)
        wide = touched(columns, layer.in_width, layer.kernel_width, layer.stride_width, layer.pad_left)
        wide = layer.in_width if len(columns) == layer.out_width else wide
        sums = len(images) * len(strip) * len(columns) * len(filters)
        counts["passes"] += 1
        counts["steps"] += busiest
        counts["inputs"] += len(images) * len(channels) * read * wide
        counts["weights"] += layer.kernel_size * len(filters) * len(channels)
        counts["sums_written"] += sums
        counts["sums_read"] += sums if channels.start else 0
    return output, counts


@st.composite
def layers(draw: st.DrawFn) -> ConvLayer:
    groups = draw(st.sampled_from([1, 1, 2]))
    try:
        return ConvLayer(
            name="layer",
            in_channels=groups * draw(st.integers(1, 4)),
            out_channels=groups * draw(st.integers(1, 4)),
            in_height=draw(st.integers(1, 6)),
            in_width=draw(st.integers(1, 5)),
            kernel_height=draw(st.integers(1, 4)),
            kernel_width=draw(st.integers(1, 4)),
            stride_height=draw(st.integers(1, 2)),
            stride_width=draw(st.integers(1, 2)),
            pad_top=draw(st.integers(0, 1)),
            pad_left=draw(st.integers(0, 1)),
            groups=groups,
            batch=draw(st.integers(1, 3)),
        )
    except SimulatorError:
        assume(False)
        raise


def halves(whole: int) -> list[int]:
    """Return all columns, half of them, a quarter and so on, down to one."""
    return [whole] if whole == 1 else [whole, *halves(ceil(whole / 2))]


def every_mapping(layer: ConvLayer) -> list[RowMapping]:
    """Return every mapping that the array and the scratchpads of `SMALL` hold, whatever the buffer."""
    pad = SMALL.scratchpad
    c, k = layer.group_in_channels, layer.group_out_channels
    found = []
    for e, n, p, q, t, r in product(
        range(1, layer.out_height + 1), range(1, layer.batch + 1), *(range(1, size + 1) for size in (k, c, k, c))
    ):
        held = p * q * layer.kernel_width <= pad.weight_words and q * layer.kernel_width <= pad.input_words
        if held and p <= pad.output_words and r * t <= pe_sets(layer.kernel_height, e, SMALL):
            sizes = product(range(p * t, k + p * t, p * t), halves(layer.out_width))
            found += [RowMapping(m=m, n=n, e=e, f=f, p=p, q=q, r=r, t=t) for m, f in sizes]
    return found


@settings(max_examples=60, deadline=None)
@given(layers(), st.integers(0, 2**32))
def test_figures_equal_the_counts(layer: ConvLayer, seed: int) -> None:
    random = np.random.default_rng(seed)
    mappings = every_mapping(layer)
    mapping = mappings[seed % len(mappings)]
    data = random.integers(-9, 10, size=(layer.batch, layer.in_channels, layer.in_height, layer.in_width))
    size = (layer.out_channels, layer.group_in_channels, layer.kernel_height, layer.kernel_width)
    weights = random.integers(-3, 4, size=size)
    output, counts = run(layer, mapping, data, weights)
    assert all((one == convolution(layer, image, weights)).all() for one, image in zip(output, data, strict=True))
    grid = Mappings(*(np.full((1, 1, 1), getattr(mapping, letter), dtype=float) for letter in Mappings._fields))
    figures = figures_of(layer, problem_of(layer, SMALL, SMALL.scratchpad), grid)
    assert {name: getattr(figures, name).item() for name in counts} == counts


SKIPPING = ConvLayer(
    name="skips",
    in_channels=2,
    out_channels=1,
    in_height=5,
    in_width=4,
    kernel_height=1,
    kernel_width=1,
    stride_width=2,
)
UNREACHED = replace(SKIPPING, name="unreached", in_width=5, kernel_width=2)


@settings(max_examples=10, deadline=None)
@given(layers())
@example(SKIPPING)
@example(UNREACHED)
def test_search_equals_brute_force(layer: ConvLayer) -> None:
    def cost(mapping: RowMapping | None) -> float:
        one = best_mapping(layer, SMALL, mapping)
        return layer.batch * (one.cycles.array + one.dram_words / SMALL.dram_words_per_cycle)

    def words(mapping: RowMapping) -> float:
        return mapping.n * (
            mapping.q * mapping.r * highest(layer, mapping.e) * widest(layer, mapping.f)
            + mapping.m * mapping.e * mapping.f
        )

    fitting = [mapping for mapping in every_mapping(layer) if words(mapping) <= SMALL.buffer_words]
    assume(fitting)
    assert cost(None) == pytest.approx(min(map(cost, fitting)), rel=1e-9)


def highest(layer: ConvLayer, rows: int) -> int:
    """Return the input rows of the strip that reads most of them."""
    strips = chunks(range(layer.out_height), rows)
    return max(touched(s, layer.in_height, layer.kernel_height, layer.stride_height, layer.pad_top) for s in strips)


def widest(layer: ConvLayer, columns: int) -> int:
    """Return the input columns of the strip that reads most of them; a map that is not cut is read whole."""
    if columns == layer.out_width:
        return layer.in_width
    strips = chunks(range(layer.out_width), columns)
    return max(touched(s, layer.in_width, layer.kernel_width, layer.stride_width, layer.pad_left) for s in strips)


@pytest.mark.parametrize(
    ("filter_rows", "out_rows", "sets"), [(11, 7, 2), (5, 27, 1), (3, 13, 4), (3, 14, 4), (3, 7, 8), (1, 56, 3)]
)
def test_sets_lie_beside_and_above_each_other(filter_rows: int, out_rows: int, sets: int) -> None:
    """The first three are AlexNet's in the Eyeriss paper, table III: r times t sets of R x e PEs on 12x14."""
    assert pe_sets(filter_rows, out_rows, EYERISS) == sets


def test_large_filters_are_cut_to_what_the_array_holds() -> None:
    layer = ConvLayer(name="large", in_channels=2, out_channels=2, in_height=30, in_width=30, kernel_height=13,
                      kernel_width=25)  # fmt: skip
    problem = problem_of(layer, EYERISS, EYERISS.scratchpad)
    assert (problem.rows, problem.taps, problem.channels) == (7, ceil(25 / 3), 2 * 2 * 3)
    cost = best_mapping(layer, EYERISS)
    assert cost.cycles.array >= layer.macs / EYERISS.array.size


def test_a_batch_shares_filters_and_zeros_save_energy_but_no_time() -> None:
    layer = ConvLayer(name="conv", in_channels=16, out_channels=16, in_height=13, in_width=13, kernel_height=3,
                      kernel_width=3)  # fmt: skip
    one, four = best_mapping(layer, EYERISS), best_mapping(replace(layer, batch=4), EYERISS)
    assert four.dram_words < one.dram_words
    mapping = RowMapping(m=16, n=1, e=11, f=11, p=16, q=2, r=1, t=1)  # every map crosses once
    dense, sparse = (
        best_mapping(replace(layer, input_zeros=zeros, output_zeros=zeros), EYERISS, mapping) for zeros in (None, 0.5)
    )
    assert sparse.dataflow is Dataflow.ROW_STATIONARY
    assert sparse.cycles.array == dense.cycles.array
    assert sparse.energy.mac == dense.energy.mac / 2
    # Half of the values are stored, with 16 + 16/3 bits each instead of 16.
    assert dense.dram_words - sparse.dram_words == pytest.approx(16 * (13 * 13 + 11 * 11) * (1 - (1 + 1 / 3) / 2))


def test_what_fits_no_buffer_or_has_no_scratchpad_is_said() -> None:
    layer = ConvLayer(name="conv", in_channels=1, out_channels=1, in_height=64, in_width=64)
    tiny = replace(SMALL.buffer, bytes=64)
    with pytest.raises(SimulatorError, match=r"^layer 'conv': not even the smallest mapping fits the 64 byte buffer"):
        best_mapping(replace(layer, kernel_height=64, kernel_width=64), replace(SMALL, buffer=tiny))
    with pytest.raises(SimulatorError, match=r"^eyeriss: has no \[scratchpad\]; add it"):
        best_mapping(layer, replace(EYERISS, scratchpad=None))


def test_a_search_without_end_is_refused() -> None:
    huge = ConvLayer(name="huge", in_channels=2**12, out_channels=2**12, in_height=64, in_width=64, batch=2**20)
    with pytest.raises(SimulatorError, match=r"^layer 'huge': \d+ mappings of one strip are too many to search; use"):
        best_mapping(huge, EYERISS)
    wide = replace(EYERISS, array=replace(EYERISS.array, rows=1024, cols=1024))
    with pytest.raises(SimulatorError, match="too many to search"):
        best_mapping(replace(huge, batch=1), wide)


@pytest.mark.parametrize(("whole", "most", "sizes"), [(13, 13, [1, 2, 3, 4, 5, 7, 13]), (13, 4, [1, 2, 3, 4]),
                                                       (1, 9, [1]), (6, 0, [])])  # fmt: skip
def test_sizes_are_the_smallest_of_each_number_of_pieces(whole: int, most: int, sizes: list[int]) -> None:
    assert _sizes(whole, most) == sizes
