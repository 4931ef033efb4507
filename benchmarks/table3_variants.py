"""What each part of the time model is worth, and what could stand in its place, judged by the paper's Table 3.

    python benchmarks/table3_variants.py

Each variant changes one part of how a layer's time is put together, how its tiling is chosen, or what is moved. Array
cycles, DRAM words and energies are the simulator's own otherwise. docs/table3.md has the figures and what they say.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sqnxt_sim import Accelerator, ConvLayer, Dataflow
from sqnxt_sim.machine.dataflows import array_cycles, buffer_words, executed_macs, register_file_accesses
from sqnxt_sim.machine.tiling import Tile, TilingSpace, dram_words, tiling_space, word_scale
from sqnxt_tf.exploration.workloads import network_workload
from sqnxt_tf.paper.cross_validation import FITTED_ON, GRID, fit_splits
from sqnxt_tf.paper.table3 import COLUMNS, SPARSITY, paper_accelerators, paper_costs

Grid = NDArray[np.float64]

PAPER: Grid = np.array([[row[column] for row in paper_costs().values()] for column in COLUMNS])
DIVISORS = GRID["buffer.capacity_divisor"]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A structure of the time model; the defaults are the simulator's own."""

    name: str
    divisor: float = 3.5
    index_bits: float | None = 0  # of a nonzero weight in output stationary; None for dense weights
    bit_map: bool = False  # a bit for each weight, zero or not, in place of an index
    fill_drain: float = 2  # times (rows + cols) cycles to fill and drain the array, a round
    last_tile_exposed: bool = True  # no transfer is left to overlap with the last tile's work on the array
    exposed_latencies: int = 2  # DRAM latencies that nothing hides, a layer
    round_latency: bool = True  # every round pays the DRAM latency
    price: float | None = None  # tilings by time + price x DRAM words, not by array cycles + transfer cycles
    by_time_energy: bool = False  # tilings by time x energy


MODEL = Variant(name="the simulator's")
VARIANTS = (
    MODEL,
    replace(MODEL, name="dense weights in output stationary", index_bits=None),
    replace(MODEL, name="a bit map of the weights in output stationary", bit_map=True),
    replace(MODEL, name="no fill and drain", fill_drain=0),
    replace(MODEL, name="3 (Pr + Pc) of fill and drain", fill_drain=3),
    replace(MODEL, name="last tile hidden", last_tile_exposed=False),
    replace(MODEL, name="one latency exposed", exposed_latencies=1),
    replace(MODEL, name="three latencies exposed", exposed_latencies=3),
    replace(MODEL, name="no latency in later rounds", round_latency=False),
    replace(MODEL, name="tilings by time alone", price=0.0),
    replace(MODEL, name="tilings by time + 0.25 DRAM words", price=0.25),
    replace(MODEL, name="tilings by time x energy", by_time_energy=True),
    replace(MODEL, name="divisor 3", divisor=3.0),
    replace(MODEL, name="divisor 4", divisor=4.0),
)


def main() -> None:
    """Print each variant's errors on the whole table, and on the seven networks that six others were fitted without."""
    headers = [column.replace("_", " ") for column in COLUMNS]
    print(f"| variant | {' | '.join(headers)} | held out: time | energy |\n|{'---|' * (3 + len(headers))}")
    for variant in VARIANTS:
        costs = table_costs(variant, paper_accelerators())
        times, energies = costs[..., 0], costs[..., 1]
        ours = np.concatenate([times / times.min(axis=1, keepdims=True), energies])
        cells = [f"{100 * column.mean():.2f} / {100 * column.max():.1f}" for column in np.abs(ours / PAPER - 1)]
        print(f"| {variant.name} | {' | '.join(cells)} | {held_out(variant)} |", flush=True)


def held_out(variant: Variant) -> str:
    """Refit the divisor on every six networks and return the mean errors on the other seven, in per cent."""
    ratios = []
    for divisor in DIVISORS:
        costs = table_costs(replace(variant, divisor=divisor), paper_accelerators())
        ratios.append(np.concatenate([costs[..., 0], costs[..., 1]]) / PAPER)
    splits = fit_splits(np.stack(ratios, axis=1), FITTED_ON)
    means = (100 * splits.held_out[:2].mean(), 100 * splits.held_out[2:].mean())
    return " | ".join(f"{mean:.2f}" for mean in means)


def table_costs(variant: Variant, arrays: Iterable[Accelerator]) -> Grid:
    """Cycles and energies, [arrays, networks, 2]."""
    return np.array([[network_cost(model, array, variant) for model in paper_costs()] for array in arrays])


def network_cost(model: str, accelerator: Accelerator, variant: Variant) -> tuple[float, float]:
    """Cycles and energy of a network at the paper's sparsity."""
    accelerator = replace(
        accelerator,
        buffer=replace(accelerator.buffer, capacity_divisor=variant.divisor),
        dram=replace(accelerator.dram, weight_index_bits=variant.index_bits),
    )
    costs = [
        layer_cost(
            replace(layer, name="", op="", nonzero_weights=(1 - SPARSITY) * layer.weights),
            accelerator,
            replace(variant, name=""),
        )
        for layer in network_workload(model).conv_layers
    ]
    return sum(time for time, _ in costs), sum(energy for _, energy in costs)


@cache
def layer_cost(layer: ConvLayer, accelerator: Accelerator, variant: Variant) -> tuple[float, float]:
    """Cycles and energy of a layer in its faster dataflow, each at the variant's best tiling."""
    space = tiling_space(layer, accelerator)
    return min(best_tiling(dataflow, layer, space, accelerator, variant) for dataflow in Dataflow)


def best_tiling(
    dataflow: Dataflow, layer: ConvLayer, space: TilingSpace, accelerator: Accelerator, variant: Variant
) -> tuple[float, float]:
    """Cycles and energy of a dataflow at the tiling that the variant prefers."""
    scale = word_scale(layer, accelerator, dataflow)
    if variant.bit_map and dataflow is Dataflow.OUTPUT_STATIONARY:
        scale = scale._replace(stored_weight=scale.stored_weight + 1 / accelerator.array.word_bits)
    every = Tile._make((*space.maps, *space.channels, space.tile_words, space.rounds))  # arrays in the place of numbers
    array = accelerator.array
    words = dram_words(layer, scale.activation, scale.stored_weight, space.maps, space.channels)
    on_array = array_cycles(layer, space.maps, space.channels, array)[list(Dataflow).index(dataflow)]
    on_array = on_array + variant.fill_drain * (array.rows + array.cols) * space.rounds
    exposed = every.load_words(layer, scale) + every.store_words(scale)
    time = layer_time(on_array, words, exposed, space.rounds, accelerator, variant)

    table = accelerator.energy
    fixed = table.mac * executed_macs(dataflow, layer) + table.register_file * register_file_accesses(dataflow, layer)
    on_chip = buffer_words(dataflow, layer, every, array, scale)
    energy = fixed + table.buffer * (on_chip + words) + table.dram * words

    objective = on_array + words / accelerator.dram_words_per_cycle
    if variant.price is not None:
        objective = time + variant.price * words
    if variant.by_time_energy:
        objective = time * energy
    best = np.where(space.fits, objective, np.inf).argmin()
    return float(time.flat[best]), float(np.broadcast_to(energy, space.fits.shape).flat[best])


def layer_time(
    on_array: Grid, words: Grid, exposed: Grid, rounds: Grid, accelerator: Accelerator, variant: Variant
) -> Grid:
    """Cycles of every tiling."""
    per_cycle, latency = accelerator.dram_words_per_cycle, accelerator.dram.latency_cycles
    last = on_array / rounds if variant.last_tile_exposed else 0.0
    hidden = (words - exposed) / per_cycle
    if variant.round_latency:
        hidden = hidden + latency * (rounds - 1)
    time: Grid = variant.exposed_latencies * latency + exposed / per_cycle + np.maximum(on_array - last, hidden) + last
    return time


if __name__ == "__main__":
    main()
