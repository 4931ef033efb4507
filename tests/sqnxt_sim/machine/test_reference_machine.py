"""A machine that runs small layers through the very loop nest and counts: the closed forms must equal its counts.

Integers in real tiles, small and slow. Array cycles, buffer words and DRAM words are counted as they happen, and the
result must be the plain convolution.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise, permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sqnxt_sim import Accelerator, ConvLayer, Dataflow, SimulatorError, Tiling, load_accelerator
from sqnxt_sim.machine.dataflows import array_cycles, buffer_words
from sqnxt_sim.machine.tiling import tiling_space, word_scale

PRESET = load_accelerator("squeezelerator-8x8")


def chunks(whole: range, size: int) -> list[range]:
    """Cut a range into pieces of `size`; the last one may be shorter."""
    return [range(b, e) for b, e in pairwise([*range(whole.start, whole.stop, size), whole.stop])]


def touched(outputs: range, size: int, span: int, stride: int, pad: int) -> int:
    """Return the rows of the map that a range of output rows reads; a kernel of one row skips those between."""
    starts = [y * stride - pad for y in outputs]
    rows = starts if span == 1 else range(starts[0], starts[-1] + span)
    return sum(0 <= row < size for row in rows)


class Buffer:
    """A buffer for one tile each of inputs, weights and outputs, which counts the words that DRAM moves."""

    def __init__(self, layer: ConvLayer) -> None:
        self.layer, self.words = layer, 0
        self.held: dict[str, object] = {}
        self.spilled: dict[object, int] = {}

    def bring(self, rows: range, cols: range, ins: range, outs: range, weights: float) -> None:
        layer = self.layer
        height = touched(rows, layer.in_height, layer.span_height, layer.stride_height, layer.pad_top)
        width = touched(cols, layer.in_width, layer.span_width, layer.stride_width, layer.pad_left)
        self.words += height * width * len(ins) * self.replaces("inputs", (rows, cols, ins))
        self.words += weights * self.replaces("weights", (ins, outs))
        previous = self.held.get("outputs")
        if self.replaces("outputs", (rows, cols, outs)):
            self.write_back(previous)
            self.words += self.spilled.get((rows, cols, outs), 0)

    def replaces(self, tensor: str, tile: object) -> bool:
        changed = self.held.get(tensor) != tile
        self.held[tensor] = tile
        return changed

    def write_back(self, tile: tuple[range, range, range] | None) -> None:
        if tile is not None:
            self.spilled[tile] = len(tile[0]) * len(tile[1]) * len(tile[2])
            self.words += self.spilled[tile]


def stored_words(weights: NDArray[Any], index_bits: float | None) -> float:
    """Return the words of 16-bit weights in DRAM: all of them, or the nonzero ones with an index each."""
    return weights.size if index_bits is None else np.count_nonzero(weights) * (16 + index_bits) / 16


class Array:
    """Pr x Pc processing elements that compute tiles, and count cycles by kind and words to and from the buffer."""

    def __init__(self, layer: ConvLayer, accelerator: Accelerator, data: NDArray[Any], weights: NDArray[Any]) -> None:
        self.layer, self.array, self.weights = layer, accelerator.array, weights
        # Weights are compressed only if the zeros save more than the indices cost.
        index_bits = accelerator.dram.weight_index_bits
        self.index_bits = index_bits if stored_words(weights, index_bits) < weights.size else None
        self.cycles_per_mac = self.array.cycles_per_mac(16, 16)
        pads = ((0, 0), (layer.pad_top, layer.pad_bottom), (layer.pad_left, layer.pad_right))
        self.data = np.pad(data, pads)
        self.output = np.zeros((layer.out_channels, layer.out_height, layer.out_width), dtype=np.int64)
        self.begun = np.zeros(self.output.shape, dtype=bool)
        self.counts: Counter[str] = Counter()

    def input(self, channels: int | list[int], y: int, x: int, tap_y: int, tap_x: int) -> NDArray[Any] | int:
        layer = self.layer
        row = y * layer.stride_height + tap_y * layer.dilation_height
        return self.data[channels, row, x * layer.stride_width + tap_x * layer.dilation_width]

    def add(self, channels: list[int], y: int, x: int, sums: NDArray[Any]) -> None:
        """Count partial sums to the buffer: each is written, and read first if there is one already."""
        self.counts["words"] += len(channels) + int(self.begun[channels, y, x].sum())
        self.output[channels, y, x] += sums
        self.begun[channels, y, x] = True

    def weight_stationary(self, rows: range, cols: range, ins: range, outs: range) -> None:
        layer, first = self.layer, ins.start // self.layer.group_in_channels * self.layer.group_in_channels
        for tap_y, tap_x in product(range(layer.kernel_height), range(layer.kernel_width)):
            for block_in, block_out in product(chunks(ins, self.array.rows), chunks(outs, self.array.cols)):
                channels_in, channels_out = list(block_in), list(block_out)
                held = self.weights[np.ix_(channels_out, [c - first for c in channels_in])][:, :, tap_y, tap_x]
                self.counts["words"] += stored_words(held, self.index_bits)
                stream = 0
                for y, x in product(rows, cols):
                    self.counts["words"] += len(channels_in)
                    self.add(channels_out, y, x, held @ self.input(channels_in, y, x, tap_y, tap_x))
                    stream += self.cycles_per_mac
                self.counts["stream"] += max(stream, self.array.rows)

    def output_stationary(self, rows: range, cols: range, ins: range, outs: range) -> None:
        layer, array = self.layer, self.array
        first = ins.start // layer.group_in_channels * layer.group_in_channels
        high = array.rows if layer.span_height == 1 else (array.rows - 1) * layer.stride_height + layer.span_height
        wide = array.cols if layer.span_width == 1 else (array.cols - 1) * layer.stride_width + layer.span_width
        for block_rows, block_cols in product(chunks(rows, array.rows), chunks(cols, array.cols)):
            pixels = list(product(block_rows, block_cols))
            for held in chunks(outs, array.partial_sums_per_pe):
                sums = np.zeros((len(held), len(pixels)), dtype=np.int64)
                for channel in ins:
                    self.counts["words"] += high * wide
                    self.counts["loads"] += high * wide
                    for i, out in enumerate(held):
                        for tap_y, tap_x in np.argwhere(self.weights[out, channel - first]):
                            weight = self.weights[out, channel - first, tap_y, tap_x]
                            self.counts["words"] += 1
                            self.counts["steps"] += self.cycles_per_mac
                            sums[i] += weight * np.array([self.input(channel, y, x, tap_y, tap_x) for y, x in pixels])
                for (y, x), results in zip(pixels, sums.T, strict=True):
                    self.add(list(held), y, x, results)
                self.counts["drain"] += len(held) * array.rows

    def cycles(self) -> float:
        """Return the cycles; loads of Pc words a cycle overlap with the steps (unlimited prefetch)."""
        loads = self.counts["loads"] / self.array.cols
        return self.counts["stream"] + max(self.counts["steps"], loads) + self.counts["drain"]


def run(layer: ConvLayer, tiling: Tiling, array: Array, dataflow: Dataflow, order: str) -> float:
    """Run the layer with tile loops in `order` (map s, input c, output channels k; outermost first).

    Returns its DRAM words.
    """
    compute = array.weight_stationary if dataflow is Dataflow.WEIGHT_STATIONARY else array.output_stationary
    maps = list(product(chunks(range(layer.out_height), tiling.rows), chunks(range(layer.out_width), tiling.cols)))
    c, k, words = layer.group_in_channels, layer.group_out_channels, 0
    if layer.is_depthwise:
        buffer = Buffer(layer)
        for groups, (rows, cols) in product(chunks(range(layer.groups), tiling.out_channels // k), maps):
            outs = range(groups.start * k, groups.stop * k)
            buffer.bring(rows, cols, groups, outs, stored_words(array.weights[list(outs)], array.index_bits))
            for g in groups:
                compute(rows, cols, range(g, g + 1), range(g * k, g * k + k))
        buffer.write_back(buffer.held["outputs"])
        return buffer.words
    for g in range(layer.groups):
        buffer = Buffer(layer)
        loops = {
            "s": maps,
            "c": chunks(range(g * c, g * c + c), tiling.in_channels),
            "k": chunks(range(g * k, g * k + k), tiling.out_channels),
        }
        for place in product(*(loops[name] for name in order)):
            (rows, cols), ins, outs = (place[order.index(name)] for name in "sck")
            kernels = array.weights[np.ix_(list(outs), [i - g * c for i in ins])]
            buffer.bring(rows, cols, ins, outs, stored_words(kernels, array.index_bits))
            compute(rows, cols, ins, outs)
        buffer.write_back(buffer.held["outputs"])
        words += buffer.words
    return words


def convolution(layer: ConvLayer, data: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """Compute the convolution by its definition."""
    padded = np.pad(data, ((0, 0), (layer.pad_top, layer.pad_bottom), (layer.pad_left, layer.pad_right)))
    output = np.zeros((layer.out_channels, layer.out_height, layer.out_width), dtype=np.int64)
    for k, y, x in np.ndindex(output.shape):
        first = k // layer.group_out_channels * layer.group_in_channels
        top, left = y * layer.stride_height, x * layer.stride_width
        rows = slice(top, top + layer.span_height, layer.dilation_height)
        cols = slice(left, left + layer.span_width, layer.dilation_width)
        output[k, y, x] = (padded[first : first + layer.group_in_channels, rows, cols] * weights[k]).sum()
    return output


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
    dram = replace(PRESET.dram, weight_index_bits=draw(st.sampled_from([None, 0, 4])))
    accelerator = replace(PRESET, array=array, dram=dram)
    space = tiling_space(layer, accelerator)
    places = np.argwhere(space.fits)
    return layer, data, weights, accelerator, space, tuple(places[number(0, len(places) - 1)])


@settings(max_examples=500, deadline=None)
@given(problems(), st.sampled_from(Dataflow), st.sampled_from(list(permutations("sck"))))
def test_closed_forms_equal_the_counts(
    problem: tuple[Any, ...], dataflow: Dataflow, order: tuple[str, str, str]
) -> None:
    layer, data, weights, accelerator, space, place = problem
    machine = Array(layer, accelerator, data, weights)
    run(layer, space.tiling(place), machine, dataflow, "".join(order))
    assert (machine.output == convolution(layer, data, weights)).all()

    def closed_form(values: NDArray[Any]) -> float:
        return np.broadcast_to(values, space.fits.shape)[place]

    cycles = closed_form(array_cycles(dataflow, layer, space, accelerator.array))
    assert cycles == pytest.approx(machine.cycles(), rel=1e-12)
    scale = word_scale(layer, accelerator)
    words = buffer_words(dataflow, layer, space.blocks_at(place), accelerator.array, scale)
    assert words == pytest.approx(machine.counts["words"], rel=1e-12)


@settings(max_examples=200, deadline=None)
@given(problems())
def test_dram_words_are_those_of_the_best_order(problem: tuple[Any, ...]) -> None:
    layer, data, weights, accelerator, space, place = problem
    machine = Array(layer, accelerator, data, weights)
    # Traffic depends on the tiles only.
    machine.weight_stationary = lambda *tile: None
    moved = [
        run(layer, space.tiling(place), machine, Dataflow.WEIGHT_STATIONARY, "".join(order))
        for order in permutations("sck")
    ]
    assert np.broadcast_to(space.dram_words, space.fits.shape)[place] == pytest.approx(min(moved), rel=1e-12)
