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
from sqnxt_sim.machine.axes import Array, Dimension, input_extents
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
    dimension = Dimension(
        out_size=layer.out_height,
        in_size=layer.in_height,
        span=layer.span_height,
        stride=layer.stride_height,
        pad=layer.pad_top,
        block=1,
    )
    begin = np.arange(0, layer.out_height, out_rows)
    extents = input_extents(begin, np.minimum(begin + out_rows, layer.out_height), dimension)
    return int(extents.max()), int(extents.sum())


def mappings_of(
    layer: ConvLayer, problem: Problem, accelerator: Accelerator, scratchpad: Scratchpad
) -> Iterator[Mappings]:
    """Yield, for each size of a strip, every mapping that may be the best one and fits scratchpads and array.

    m is as large as the buffer allows, which may be nothing at all. Of the sizes that cut anything to as many pieces,
    only the smallest may be the best: as many PE sets or more fit, and it takes no more room.

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
        e = np.full_like(t, size)
        room = accelerator.buffer_words - n * q * r * (strip_rows(layer, size)[0] * layer.in_width)
        filters = np.minimum(room // (size * problem.out_cols * n) // (p * t), np.ceil(problem.filters / (p * t)))
        yield Mappings(m=filters * p * t, n=n, e=e, p=p, q=q, r=r, t=t)


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


class MappingFigures(NamedTuple):
    """What a mapping costs, for the whole batch; one array for each figure.

    Attributes:
        passes: Passes through the array.
        steps: Cycles in which PEs multiply.
        inputs: Words of the map from buffer to array; each goes to all PEs that need it at once.
        weights: Words of the filters to the array.
        sums_written: Partial sums from the array to the buffer.
        sums_read: Partial sums from the buffer to the array.
        loaded_inputs: Words of the map from DRAM, dense.
        loaded_weights: Words of the filters from DRAM, dense.
        rounds: How often the partial sums in the buffer change.
    """

    passes: Array
    steps: Array
    inputs: Array
    weights: Array
    sums_written: Array
    sums_read: Array
    loaded_inputs: Array
    loaded_weights: Array
    rounds: Array


def figures_of(layer: ConvLayer, problem: Problem, mappings: Mappings) -> MappingFigures:
    """Return the figures of every mapping.

    Filters pass the array anew for every strip and every n images; a map passes it once for every p·t filters, and
    comes from DRAM once for every m of them. Partial sums go to the buffer after every pass.
    """
    m, n, e, p, q, r, t = mappings
    loaded_inputs, loaded_weights = loaded_words(layer, problem, mappings)
    filter_sets, channel_sets = np.ceil(problem.filters / (p * t)), np.ceil(problem.channels / (q * r))
    held = np.ceil(problem.filters / np.maximum(m, p * t))
    repeats = np.ceil(problem.out_rows / e) * np.ceil(problem.batch / n)
    results = problem.batch * layer.out_pixels * layer.out_channels
    return MappingFigures(
        passes=filter_sets * channel_sets * repeats * problem.groups,
        steps=_steps(problem, mappings),
        inputs=loaded_inputs / held * filter_sets,
        weights=loaded_weights,
        sums_written=results * channel_sets,
        sums_read=results * (channel_sets - 1),
        loaded_inputs=loaded_inputs,
        loaded_weights=loaded_weights,
        rounds=held * repeats * problem.groups,
    )


def loaded_words(layer: ConvLayer, problem: Problem, mappings: Mappings) -> tuple[Array, Array]:
    """Return the words of the map and of the filters that DRAM loads, dense."""
    m, n, e, p, _, _, t = mappings
    held = np.ceil(problem.filters / np.maximum(m, p * t))
    once = _of_strips(layer, e, 1) * (problem.batch * layer.in_channels * layer.in_width)
    repeats = np.ceil(problem.out_rows / e) * np.ceil(problem.batch / n)
    return once * held, repeats * layer.weights


def least_cycles(layer: ConvLayer, problem: Problem, mappings: Mappings, sums_per_cycle: float | None) -> Array:
    """Return a lower bound of the array cycles of every mapping: those of its steps, and of its partial sums."""
    if sums_per_cycle is None:
        return _steps(problem, mappings)
    channel_sets = np.ceil(problem.channels / (mappings.q * mappings.r))
    results = problem.batch * layer.out_pixels * layer.out_channels
    return np.maximum(_steps(problem, mappings), channel_sets * (results / sums_per_cycle))


def _steps(problem: Problem, mappings: Mappings) -> Array:
    """Return the cycles in which PEs multiply: what the busiest PE does in every pass."""
    _, _, e, p, q, r, t = mappings
    work: Array = _work(problem.filters, p, t) * np.ceil(problem.out_rows / e) * _work(problem.channels, q, r)
    return work * (problem.groups * problem.batch * problem.out_cols * problem.taps)


def _of_strips(layer: ConvLayer, out_rows: Array, which: int) -> Array:
    """Return one of the figures of `strip_rows` for every size of a strip."""
    sizes = range(int(out_rows.max()) + 1)
    wanted = {int(size) for size in np.unique(out_rows)}
    return np.array([strip_rows(layer, size)[which] if size in wanted else 0 for size in sizes], dtype=np.float64)[
        out_rows.astype(np.int64)
    ]


def _work(whole: int, per_pe: Array, sets: Array) -> Array:
    """Return the sum over all pieces of `per_pe * sets` of what the busiest PE gets; the last piece may be smaller."""
    full = whole // (per_pe * sets)
    last: NDArray[np.float64] = whole - full * per_pe * sets
    work: Array = full * per_pe + np.ceil(last / sets)
    return work
