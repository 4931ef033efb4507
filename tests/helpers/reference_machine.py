"""A machine that runs small layers through the very loop nest, and counts cycles and words as it goes.

Integers in real tiles, small and slow. Array cycles, buffer words and DRAM words are counted as they happen, and the
result must be the plain convolution.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqnxt_sim import Accelerator, ConvLayer, Dataflow, Tiling


def chunks(whole: range, size: int) -> list[range]:
    """Cut a range into pieces of `size`; the last one may be shorter."""
    return [range(b, e) for b, e in pairwise([*range(whole.start, whole.stop, size), whole.stop])]


def touched(outputs: range, size: int, span: int, stride: int, pad: int) -> int:
    """Return the rows of the map that a range of output rows reads; a kernel of one row skips those between."""
    starts = [y * stride - pad for y in outputs]
    rows = starts if span == 1 else range(starts[0], starts[-1] + span)
    return sum(0 <= row < size for row in rows)


def touched_pixels(layer: ConvLayer, rows: range, cols: range) -> tuple[int, int]:
    """Return the height and width of the input that a tile of outputs reads."""
    height = touched(rows, layer.in_height, layer.span_height, layer.stride_height, layer.pad_top)
    return height, touched(cols, layer.in_width, layer.span_width, layer.stride_width, layer.pad_left)


class Buffer:
    """A buffer for one tile each of inputs, weights and outputs, which counts the words that DRAM moves."""

    def __init__(self, layer: ConvLayer) -> None:
        self.layer, self.words = layer, 0.0
        self.held: dict[str, tuple[range, ...]] = {}
        self.spilled: dict[tuple[range, ...], int] = {}

    def bring_tile(self, rows: range, cols: range, ins: range, outs: range, weights: float) -> None:
        """Fetch what a tile needs and the buffer does not hold; `weights` are the words of its weights."""
        height, width = touched_pixels(self.layer, rows, cols)
        self.words += height * width * len(ins) * self.replaces("inputs", (rows, cols, ins))
        self.words += weights * self.replaces("weights", (ins, outs))
        previous = self.held.get("outputs")
        if self.replaces("outputs", (rows, cols, outs)):
            self.write_back(previous)
            self.words += self.spilled.get((rows, cols, outs), 0)

    def replaces(self, tensor: str, tile: tuple[range, ...]) -> bool:
        """Hold a tile of a tensor, and return whether it replaces another one."""
        changed = self.held.get(tensor) != tile
        self.held[tensor] = tile
        return changed

    def write_back(self, tile: tuple[range, ...] | None) -> None:
        """Write a tile of outputs to DRAM, to be read again if more is added to it."""
        if tile is not None:
            self.spilled[tile] = len(tile[0]) * len(tile[1]) * len(tile[2])
            self.words += self.spilled[tile]


def stored_words(weights: NDArray[Any], index_bits: float | None) -> float:
    """Return the words of 16-bit weights in DRAM: all of them, or the nonzero ones with an index each."""
    return weights.size if index_bits is None else np.count_nonzero(weights) * (16 + index_bits) / 16


class Round(NamedTuple):
    """Words of the tile that a round works on, with weights at the mean density of the layer."""

    inputs: float
    weights: float
    outputs: float


class Machine:
    """Pr x Pc processing elements that compute tiles, and count cycles by kind and words to and from the buffer."""

    def __init__(
        self,
        layer: ConvLayer,
        accelerator: Accelerator,
        data: NDArray[Any],
        weights: NDArray[Any],
        dataflow: Dataflow = Dataflow.WEIGHT_STATIONARY,
    ) -> None:
        self.layer, self.array, self.weights, self.dataflow = layer, accelerator.array, weights, dataflow
        self.accelerator, self.rounds = accelerator, list[Round]()
        # Weights are compressed only if the zeros save more than the indices cost.
        dram = accelerator.dram
        by_dataflow = {
            Dataflow.WEIGHT_STATIONARY: dram.weight_stationary_index_bits,
            Dataflow.OUTPUT_STATIONARY: dram.weight_index_bits,
        }
        index_bits = by_dataflow[dataflow]
        self.index_bits = index_bits if stored_words(weights, index_bits) < weights.size else None
        self.density = stored_words(weights, self.index_bits) / weights.size
        self.cycles_per_mac = self.array.cycles_per_mac(16, 16)
        pads = ((0, 0), (layer.pad_top, layer.pad_bottom), (layer.pad_left, layer.pad_right))
        self.data = np.pad(data, pads)
        self.output = np.zeros((layer.out_channels, layer.out_height, layer.out_width), dtype=np.int64)
        self.begun = np.zeros(self.output.shape, dtype=bool)
        self.counts: defaultdict[str, float] = defaultdict(float)

    def input(self, channels: int | list[int], y: int, x: int, tap_y: int, tap_x: int) -> NDArray[Any] | int:
        """Return the inputs that a tap of the kernel reads for an output pixel."""
        layer = self.layer
        row = y * layer.stride_height + tap_y * layer.dilation_height
        return self.data[channels, row, x * layer.stride_width + tap_x * layer.dilation_width]

    def add(self, channels: list[int], y: int, x: int, sums: NDArray[Any]) -> None:
        """Count partial sums to the buffer: each is written, and read first if there is one already."""
        self.counts["words"] += len(channels) + int(self.begun[channels, y, x].sum())
        self.output[channels, y, x] += sums
        self.begun[channels, y, x] = True

    def begin_round(self, rows: range, cols: range, ins: range, outs: range, weights: NDArray[Any]) -> None:
        """Fill the array from corner to corner, which takes a cycle a row and a column, and count its draining too."""
        self.counts["fill and drain"] += 2 * (self.array.rows + self.array.cols)
        height, width = touched_pixels(self.layer, rows, cols)
        pixels = len(rows) * len(cols)
        self.rounds.append(Round(height * width * len(ins), weights.size * self.density, pixels * len(outs)))

    def compute(self, rows: range, cols: range, ins: range, outs: range) -> None:
        """Compute a tile."""
        compute = self.weight_stationary if self.dataflow is Dataflow.WEIGHT_STATIONARY else self.output_stationary
        compute(rows, cols, ins, outs)

    def weight_stationary(self, rows: range, cols: range, ins: range, outs: range) -> None:
        """Stream the tile's pixels past each block of weights."""
        layer, first = self.layer, ins.start // self.layer.group_in_channels * self.layer.group_in_channels
        for tap_y, tap_x in product(range(layer.kernel_height), range(layer.kernel_width)):
            for block_in, block_out in product(chunks(ins, self.array.rows), chunks(outs, self.array.cols)):
                channels_in, channels_out = list(block_in), list(block_out)
                held = self.weights[np.ix_(channels_out, [c - first for c in channels_in])][:, :, tap_y, tap_x]
                self.counts["words"] += stored_words(held, self.index_bits)
                stream = 0.0
                for y, x in product(rows, cols):
                    self.counts["words"] += len(channels_in)
                    self.add(channels_out, y, x, held @ self.input(channels_in, y, x, tap_y, tap_x))
                    stream += self.cycles_per_mac
                self.counts["stream"] += max(stream, self.array.rows)

    def output_stationary(self, rows: range, cols: range, ins: range, outs: range) -> None:
        """Broadcast each nonzero weight to a block of pixels."""
        layer, array = self.layer, self.array
        first = ins.start // layer.group_in_channels * layer.group_in_channels
        high = array.rows if layer.span_height == 1 else (array.rows - 1) * layer.stride_height + layer.span_height
        wide = array.cols if layer.span_width == 1 else (array.cols - 1) * layer.stride_width + layer.span_width
        for block_rows, block_cols in product(chunks(rows, array.rows), chunks(cols, array.cols)):
            pixels = list(product(block_rows, block_cols))
            for held in chunks(outs, array.partial_sums_per_pe):
                sums = np.zeros((len(held), len(pixels)), dtype=np.int64)
                for channel in ins:
                    for _row in range(high):
                        self.counts["words"] += wide
                        self.counts["loads"] += 1
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
        """Return the cycles of all rounds; loads of a row a cycle overlap with the steps (unlimited prefetch)."""
        counts = self.counts
        return counts["stream"] + max(counts["steps"], counts["loads"]) + counts["drain"] + counts["fill and drain"]

    def time(self, dram_words: float) -> float:
        """Return the cycles from the first load to the last store.

        The largest tile stands for the first load and the last store, and the mean tile for the work on the last one.
        """
        per_cycle, latency = self.accelerator.dram_words_per_cycle, self.accelerator.dram.latency_cycles
        inputs, weights, outputs = (max(map(float, words)) for words in zip(*self.rounds, strict=True))
        last_tile = self.cycles() / len(self.rounds)
        now = latency + (inputs + weights) / per_cycle
        array_is_done = now + self.cycles() - last_tile
        other_transfers = (dram_words - inputs - weights - outputs) / per_cycle
        dram_is_done = now + other_transfers + latency * (len(self.rounds) - 1)
        now = max(array_is_done, dram_is_done) + last_tile
        return now + latency + outputs / per_cycle


def run(machine: Machine, tiling: Tiling, order: str, *, compute: bool = True) -> float:
    """Run the layer with tile loops in `order` (map s, input c, output channels k; outermost first).

    Returns its DRAM words, which depend on the tiles only; without `compute` nothing else is done.
    """
    layer, words = machine.layer, 0.0
    maps = list(product(chunks(range(layer.out_height), tiling.rows), chunks(range(layer.out_width), tiling.cols)))
    c, k = layer.group_in_channels, layer.group_out_channels
    if layer.is_depthwise:
        buffer = Buffer(layer)
        for groups, (rows, cols) in product(chunks(range(layer.groups), tiling.out_channels // k), maps):
            outs = range(groups.start * k, groups.stop * k)
            kernels = machine.weights[list(outs)]
            buffer.bring_tile(rows, cols, groups, outs, stored_words(kernels, machine.index_bits))
            machine.begin_round(rows, cols, groups, outs, kernels)
            for g in groups if compute else ():
                machine.compute(rows, cols, range(g, g + 1), range(g * k, g * k + k))
        buffer.write_back(buffer.held["outputs"])
        return buffer.words
    for g in range(layer.groups):
        buffer = Buffer(layer)
        loops: dict[str, list[Any]] = {
            "s": maps,
            "c": chunks(range(g * c, g * c + c), tiling.in_channels),
            "k": chunks(range(g * k, g * k + k), tiling.out_channels),
        }
        for place in product(*(loops[name] for name in order)):
            (rows, cols), ins, outs = (place[order.index(name)] for name in "sck")
            kernels = machine.weights[np.ix_(list(outs), [i - g * c for i in ins])]
            buffer.bring_tile(rows, cols, ins, outs, stored_words(kernels, machine.index_bits))
            machine.begin_round(rows, cols, ins, outs, kernels)
            if compute:
                machine.compute(rows, cols, ins, outs)
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
