"""What a mapping in row stationary moves between the memories, and how long the array works."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqnxt_sim.machine.axes import Array
from sqnxt_sim.machine.row_stationary import Mappings, Problem, strip_cols, strip_rows
from sqnxt_sim.workload import ConvLayer


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
    m, n, e, f, p, q, r, t = mappings
    loaded_inputs, loaded_weights = loaded_words(layer, problem, mappings)
    filter_sets, channel_sets = np.ceil(problem.filters / (p * t)), np.ceil(problem.channels / (q * r))
    held = np.ceil(problem.filters / np.maximum(m, p * t))
    repeats = np.ceil(problem.out_rows / e) * np.ceil(problem.out_cols / f) * np.ceil(problem.batch / n)
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
    m, n, e, f, p, _, _, t = mappings
    held = np.ceil(problem.filters / np.maximum(m, p * t))
    once = _sums(layer, strip_rows, e) * _sums(layer, strip_cols, f) * (problem.batch * layer.in_channels)
    repeats = np.ceil(problem.out_rows / e) * np.ceil(problem.out_cols / f) * np.ceil(problem.batch / n)
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
    _, _, e, _, p, q, r, t = mappings
    work: Array = _work(problem.filters, p, t) * np.ceil(problem.out_rows / e) * _work(problem.channels, q, r)
    return work * (problem.groups * problem.batch * problem.out_cols * problem.taps)


def _sums(layer: ConvLayer, strips: Callable[[ConvLayer, int], tuple[int, int]], sizes: Array) -> Array:
    """Return the input rows or columns of all strips together, for every size of a strip."""
    distinct, which = np.unique(sizes, return_inverse=True)
    sums = np.array([strips(layer, int(size))[1] for size in distinct], dtype=np.float64)
    return sums[which].reshape(sizes.shape)


def _work(whole: int, per_pe: Array, sets: Array) -> Array:
    """Return the sum over all pieces of `per_pe * sets` of what the busiest PE gets; the last piece may be smaller."""
    full = whole // (per_pe * sets)
    last: NDArray[np.float64] = whole - full * per_pe * sets
    work: Array = full * per_pe + np.ceil(last / sets)
    return work
