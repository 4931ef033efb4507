"""Row stationary: mappings of a layer onto an array whose PEs each keep rows of filters, and what a mapping costs.

A PE slides a row of a filter along a row of the map, and makes a row of partial sums. A PE set of R x e PEs, for the R
rows of a filter and e rows of the output, adds them up vertically, so that it makes e rows of an output map. Letters
and method: Chen, Krishna, Emer, Sze, "Eyeriss: An Energy-Efficient Reconfigurable Accelerator for Deep Convolutional
Neural Networks", JSSC 52(1), 2017, sections III and V.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.machine.accelerator import Accelerator
from sqnxt_sim.machine.axes import Array, Dimension, horizontal_dimension, input_extents, vertical_dimension
from sqnxt_sim.machine.on_chip import Scratchpad
from sqnxt_sim.machine.tiling_cost import RowMapping
from sqnxt_sim.workload import ConvLayer

# A larger grid would take gigabytes. A layer of 512 channels on 12x14 PEs has 2**15 mappings of one strip.
_MAX_MAPPINGS = 2**22


class Problem(NamedTuple):
    """A layer cut to what the array can hold: filters of more rows than the array, or wider than a scratchpad, count
    as several filters of as many more input channels.
    """

    batch: int
    groups: int
    channels: int
    filters: int
    rows: int
    taps: int
    out_rows: int
    out_cols: int


class Mappings(NamedTuple):
    """Candidate mappings, one array for each letter, broadcastable to one grid of three axes."""

    m: Array
    n: Array
    e: Array
    f: Array
    p: Array
    q: Array
    r: Array
    t: Array

    def only(self, kept: NDArray[np.bool_]) -> Mappings:
        """Return some mappings of the grid, along its first axis."""
        return Mappings._make(letter[kept].reshape(-1, 1, 1) for letter in np.broadcast_arrays(*self))

    def at(self, place: tuple[int, ...]) -> RowMapping:
        """Return one mapping of the grid."""
        grid = np.broadcast_arrays(*self)
        return RowMapping(**{name: int(values[place]) for name, values in zip(self._fields, grid, strict=True)})


def problem_of(layer: ConvLayer, accelerator: Accelerator, scratchpad: Scratchpad) -> Problem:
    """Return the layer as the array sees it."""
    row_pieces = ceil(layer.kernel_height / accelerator.array.rows)
    tap_pieces = ceil(layer.kernel_width / min(scratchpad.input_words, scratchpad.weight_words))
    return Problem(
        batch=layer.batch,
        groups=layer.groups,
        channels=layer.group_in_channels * row_pieces * tap_pieces,
        filters=layer.group_out_channels,
        rows=ceil(layer.kernel_height / row_pieces),
        taps=ceil(layer.kernel_width / tap_pieces),
        out_rows=layer.out_height,
        out_cols=layer.out_width,
    )


def pe_sets(filter_rows: int, out_rows: int, accelerator: Accelerator) -> int:
    """Return how many sets of `filter_rows` x `out_rows` PEs the array holds at once.

    A set wider than the array is folded: it lies in pieces one above the other. On 12x14 PEs, two sets of 11x7 lie side
    by side, and one set of 5x27 lies as 5x14 and 5x13.
    """
    array = accelerator.array
    high, wide = array.rows // filter_rows, array.cols // out_rows
    return high * wide if wide else high // ceil(out_rows / array.cols)


def strip_rows(layer: ConvLayer, out_rows: int) -> tuple[int, int]:
    """Return the input rows of the strip that needs most of them, and their sum over all strips of `out_rows` rows."""
    vertical = vertical_dimension(layer, 1)
    return _extents(vertical, out_rows)


def strip_cols(layer: ConvLayer, out_cols: int) -> tuple[int, int]:
    """Return the same of columns. A map that is not cut is read whole, with the columns that a stride skips."""
    if out_cols == layer.out_width:
        return layer.in_width, layer.in_width
    horizontal = horizontal_dimension(layer, 1)
    return _extents(horizontal, out_cols)


def _extents(dimension: Dimension, size: int) -> tuple[int, int]:
    begin = np.arange(0, dimension.out_size, size)
    extents = input_extents(begin, np.minimum(begin + size, dimension.out_size), dimension)
    return int(extents.max()), int(extents.sum())


def mappings_of(
    layer: ConvLayer, problem: Problem, accelerator: Accelerator, scratchpad: Scratchpad
) -> Iterator[Mappings]:
    """Yield, for each size of a strip, every mapping that may be the best one and fits scratchpads and array.

    A map that does not fit the buffer with all of its results is tried whole, halved, quartered and so on in its width,
    until the buffer holds all partial sums. One is so in any case whose pieces are read without columns that a stride
    skips or never reaches. m is as large as it allows, which may be nothing at all. Of the sizes that
    cut anything to as many pieces, only the smallest may be the best: as many PE sets or more fit, and it takes no more
    room.

    Raises:
        SimulatorError: There are too many mappings to search.
    """
    held = [
        (p, q)
        for p in _sizes(problem.filters, scratchpad.output_words)
        for q in _sizes(problem.channels, scratchpad.input_words // problem.taps)
        if p * q * problem.taps <= scratchpad.weight_words
    ]
    p, q = (np.array(letter, dtype=np.float64)[None, :, None] for letter in zip(*held, strict=True))
    images = _sizes(problem.batch, problem.batch)
    n = np.array(images, dtype=np.float64)[None, None, :]
    for size in _sizes(problem.out_rows, problem.out_rows):
        most = pe_sets(problem.rows, size, accelerator)
        rows = [(t, _sizes(problem.channels, most // t)) for t in _sizes(problem.filters, most)]
        count = sum(len(sets) for _, sets in rows) * len(held) * len(images)
        if count > _MAX_MAPPINGS:
            fault = f"{count} mappings of one strip are too many to search"
            raise SimulatorError(f"layer {layer.name!r}", fault, "use a smaller batch or array")
        if not most:
            continue
        pairs = [(t, r) for t, sets in rows for r in sets]
        t, r = (np.array(letter, dtype=np.float64)[:, None, None] for letter in zip(*pairs, strict=True))
        fixed = Mappings(m=p, n=n, e=np.full_like(t, size), f=t, p=p, q=q, r=r, t=t)
        for width in _widths(layer, problem, accelerator):
            mappings = _held(layer, problem, accelerator, fixed, (size, width))
            yield mappings
            if (mappings.m >= problem.filters).all() and not _reads_less_when_cut(layer):
                break


def _held(
    layer: ConvLayer, problem: Problem, accelerator: Accelerator, mappings: Mappings, strip: tuple[int, int]
) -> Mappings:
    """Return the mappings at a size of the strip, with the most filters whose partial sums the buffer holds."""
    (size, width), (_, n, _, _, p, q, r, t) = strip, mappings
    room = accelerator.buffer_words - n * q * r * (strip_rows(layer, size)[0] * strip_cols(layer, width)[0])
    filters = np.minimum(room // (size * width * n) // (p * t), np.ceil(problem.filters / (p * t)))
    return mappings._replace(m=filters * p * t, f=np.full_like(t, width))


def _widths(layer: ConvLayer, problem: Problem, accelerator: Accelerator) -> list[int]:
    """Return the widths of a strip that may be the best: all columns, and less if that may save anything."""
    whole, widths = layer.in_channels * layer.in_pixels + layer.out_channels * layer.out_pixels, [problem.out_cols]
    cuts = problem.batch * whole > accelerator.buffer_words or _reads_less_when_cut(layer)
    while cuts and widths[-1] > 1:
        widths.append(ceil(widths[-1] / 2))
    return widths


def _reads_less_when_cut(layer: ConvLayer) -> bool:
    """Tell whether pieces of the width, which are read without columns that no output needs, are less than the whole.

    Halves read the same columns twice least often, and single columns of outputs skip the most.
    """
    return any(strip_cols(layer, width)[1] < layer.in_width for width in {1, ceil(layer.out_width / 2)})


def _sizes(whole: int, most: int) -> list[int]:
    """Return the sizes up to `most` that cut `whole` into different numbers of pieces; the smallest of each number.

    Example: 13 cut to pieces of up to 13 gives 1, 2, 3, 4, 5, 7 and 13, for 13, 7, 5, 4, 3, 2 and 1 pieces.
    """
    sizes, size = [], 1
    while size <= most:
        sizes.append(size)
        pieces = ceil(whole / size)
        if pieces == 1:
            break
        size = ceil(whole / (pieces - 1))
    return sizes
