"""Costs of one layer on many accelerators at once: arithmetic on arrays with one value for each accelerator.

The formulas are those of `tile_search.layer_cycles` and `layer_costs.vector_cost`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sqnxt_sim.machine.accelerator import Accelerator
from sqnxt_sim.machine.axes import Array
from sqnxt_sim.machine.tile_fronts import Conditions, Front
from sqnxt_sim.workload import VectorWork


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MachineVectors:
    """Numbers of accelerators with one PE array.

    Attributes:
        word_bits: Native width, the same for all.
        words_per_cycle: Native words per cycle between DRAM and buffer, float64 [accelerators].
        latency: DRAM latency in cycles, float64 [accelerators].
        conditions: The distinct pairs of bandwidth and buffer.
        which: Index of each accelerator's pair in `conditions`, int [accelerators].
        operations_per_cycle: Of the vector unit, float64 [accelerators]; None if there is no such unit.
    """

    word_bits: int
    words_per_cycle: Array
    latency: Array
    conditions: Conditions
    which: NDArray[np.int64]
    operations_per_cycle: Array | None

    @classmethod
    def of(cls, accelerators: Sequence[Accelerator]) -> Self:
        """Return the vectors of accelerators."""
        rows = [
            (
                one.dram_words_per_cycle,
                one.buffer_words / one.buffer.copies,
                one.dram.latency_cycles,
                0.0 if one.vector is None else one.vector.operations_per_cycle,
            )
            for one in accelerators
        ]
        words_per_cycle, room, latency, operations = np.array(rows, dtype=np.float64).T
        pairs, which = np.unique(np.stack((words_per_cycle, room)), axis=1, return_inverse=True)
        return cls(
            word_bits=accelerators[0].array.word_bits,
            words_per_cycle=words_per_cycle,
            latency=latency,
            conditions=Conditions(*pairs),
            which=which.reshape(-1),
            operations_per_cycle=None if accelerators[0].vector is None else operations,
        )


def layer_figures(front: Front, machines: MachineVectors) -> Array:
    """Return cycles, MAC energies, register file accesses, buffer words, DRAM words and operations of one image.

    The result is float64 [figures, accelerators], infinite where no tiling fits. A layer has no operations on the
    vector unit.
    """
    best = front.best(machines.conditions)[machines.which]
    if not front.words.size:
        return np.full((6, best.size), np.inf)
    on_array, words, rounds, exposed = (
        figure[best] for figure in (front.on_array, front.words, front.rounds, front.exposed)
    )
    transfers = np.maximum(words - exposed, 0) / machines.words_per_cycle + machines.latency * (rounds - 1)
    last_tile = on_array / rounds
    # Summed in the order of `Cycles.total`: dataflows that tie there tie here, to the last bit.
    cycles = 2 * machines.latency + exposed / machines.words_per_cycle
    cycles = cycles + np.maximum(on_array - last_tile, transfers) + last_tile
    figures = np.empty((6, cycles.size))
    figures[0], figures[1], figures[2] = cycles, front.mac_energy, front.register_file
    figures[3], figures[4], figures[5] = front.on_chip[best] + words, words, 0
    figures[:, best < 0] = np.inf
    return figures


def vector_figures(work: VectorWork, machines: MachineVectors) -> Array:
    """Return the figures of `layer_figures` for an operator on the vector unit, for the whole batch."""
    assert machines.operations_per_cycle is not None
    words = (work.values_read + work.values_written) * (work.bits or machines.word_bits) / machines.word_bits
    computing, moving = work.operations / machines.operations_per_cycle, words / machines.words_per_cycle
    figures = np.zeros((6, machines.latency.size))
    figures[0] = machines.latency + np.maximum(computing, moving)
    figures[3], figures[4], figures[5] = 2 * words, words, work.operations
    return figures
