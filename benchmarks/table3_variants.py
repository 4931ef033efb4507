"""What could stand in the place of the fitted numbers: structures of the time model, judged by the paper's Table 3.

    python benchmarks/table3_variants.py

Each variant changes how a layer's time is put together and how its tiling is chosen; array cycles, DRAM words and
energies are the simulator's own. docs/table3.md has the figures and what they say.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from sqnxt_sim import Accelerator, ConvLayer, Dataflow
from sqnxt_sim.machine.dataflows import array_cycles, buffer_words, executed_macs, register_file_accesses
from sqnxt_sim.machine.tiling import TileBlocks, TilingSpace, tiling_space, word_scale
from sqnxt_tf.exploration.workloads import network_workload
from sqnxt_tf.paper.cross_validation import FITTED_ON, fit_halves
from sqnxt_tf.paper.table3 import COLUMNS, SPARSITY, paper_accelerators, paper_costs

Grid = NDArray[np.float64]

PAPER: Grid = np.array([[row[column] for row in paper_costs().values()] for column in COLUMNS])
CLOCKS_GHZ = (0.9, 0.95, 1.0, 1.05, 1.1)
DIVISORS = (2.5, 3.0, 3.5)
LAMBDAS = (0.125, 0.25, 0.375)
OVERHEADS = tuple(range(0, 1201, 50))


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A structure of the time model; the defaults are the simulator's own."""

    name: str
    by_energy_delay: bool = False  # a tiling is chosen by time x energy, not by time + lambda x DRAM words
    round_latency: bool = True  # every round pays the DRAM latency; else only the first ones, see below
    last_tile_exposed: bool = False  # no transfer is left to overlap with the last tile's work on the array
    exposed_latencies: int = 1  # DRAM latencies that nothing hides, a layer
    fill_drain: int = 0  # times (rows + cols) cycles to fill and drain the array, a round
    overhead: float = 600.0
    clock_ghz: float = 1.0


STEPS = (
    Variant(name="the simulator's"),
    Variant(name="the same without overhead", overhead=0.0),
    Variant(name="1: tilings by time x energy", by_energy_delay=True),
    Variant(name="2: 1, later rounds' latency hidden", by_energy_delay=True, round_latency=False),
    Variant(
        name="3: 2, last tile exposed, three latencies, fill and drain; no overhead",
        by_energy_delay=True, round_latency=False, last_tile_exposed=True, exposed_latencies=3, fill_drain=2,
        overhead=0.0,
    ),
)  # fmt: skip
VARIANTS = (
    *STEPS,
    replace(STEPS[-1], name="4: 3 at a clock of 1.05 GHz", clock_ghz=1.05),
    replace(STEPS[-1], name="5: 3 with a fourth latency", exposed_latencies=4),
)


def main() -> None:
    """Print each variant's errors on the whole table, and on the seven networks that six others were fitted without."""
    headers = [column.replace("_", " ") for column in COLUMNS]
    print(f"| variant | {' | '.join(headers)} | fitted | held out: time | energy |\n|{'---|' * (4 + len(headers))}")
    for variant in VARIANTS:
        costs = table_costs(variant, paper_accelerators())
        times, energies = costs[..., 0], costs[..., 1]
        ours = np.concatenate([times / times.min(axis=1, keepdims=True), energies])
        cells = [f"{100 * column.mean():.2f} / {100 * column.max():.1f}" for column in np.abs(ours / PAPER - 1)]
        fitted, errors = held_out(variant)
        print(f"| {variant.name} | {' | '.join(cells)} | {fitted} | {errors} |", flush=True)


def held_out(variant: Variant) -> tuple[str, str]:
    """Refit on every six networks and return the mean errors (times, energies) on the other seven, in per cent."""
    grid = {"clock": CLOCKS_GHZ, "divisor": DIVISORS}
    grid |= {} if variant.by_energy_delay else {"lambda": LAMBDAS}
    layers = np.array([len(network_workload(model).conv_layers) for model in paper_costs()])
    ratios = []
    for clock, divisor, *price in product(*grid.values()):
        arrays = [with_numbers(array, divisor, *price) for array in paper_accelerators()]
        # An overhead changes no choice of tiling, so it is added here.
        costs = table_costs(replace(variant, clock_ghz=clock, overhead=0.0), arrays)
        for overhead in OVERHEADS if variant.overhead else (0.0,):
            times = costs[..., 0] + overhead * layers
            ratios.append(np.concatenate([times, costs[..., 1]]) / PAPER)
    halves = fit_halves(np.stack(ratios, axis=1), FITTED_ON)
    means = (100 * halves.held_out[:2].mean(), 100 * halves.held_out[2:].mean())
    names = [*grid, *(["overhead"] if variant.overhead else [])]
    return ", ".join(names), " | ".join(f"{mean:.2f}" for mean in means)


def with_numbers(accelerator: Accelerator, divisor: float, price: float | None = None) -> Accelerator:
    """Return the accelerator with another capacity divisor and another price of a DRAM word."""
    search = accelerator.search if price is None else replace(accelerator.search, cycles_per_dram_word=price)
    return replace(accelerator, buffer=replace(accelerator.buffer, capacity_divisor=divisor), search=search)


def table_costs(variant: Variant, arrays: Iterable[Accelerator]) -> Grid:
    """Cycles and energies, [arrays, networks, 2]."""
    return np.array([[network_cost(model, array, variant) for model in paper_costs()] for array in arrays])


def network_cost(model: str, accelerator: Accelerator, variant: Variant) -> tuple[float, float]:
    """Cycles and energy of a network at the paper's sparsity."""
    array = replace(accelerator.array, clock_hz=variant.clock_ghz * 1e9)
    costs = [
        layer_cost(
            replace(layer, name="", op="", nonzero_weights=(1 - SPARSITY) * layer.weights),
            replace(accelerator, array=array),
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
    time = np.broadcast_to(layer_time(dataflow, layer, space, accelerator, variant), space.fits.shape)
    energy = np.broadcast_to(layer_energy(dataflow, layer, space, accelerator), space.fits.shape)
    price = accelerator.search.cycles_per_dram_word
    objective = time * energy if variant.by_energy_delay else time + price * space.dram_words
    best = np.unravel_index(np.where(space.fits, objective, np.inf).argmin(), space.fits.shape)
    return float(time[best]), float(energy[best])


def layer_time(
    dataflow: Dataflow, layer: ConvLayer, space: TilingSpace, accelerator: Accelerator, variant: Variant
) -> Grid:
    """Cycles of every tiling."""
    array, latency, rounds = accelerator.array, accelerator.dram.latency_cycles, space.rounds
    on_array = array_cycles(dataflow, layer, space, array) + variant.fill_drain * rounds * (array.rows + array.cols)
    exposed = space.transfer_words / accelerator.dram_words_per_cycle
    hidden = space.dram_words / accelerator.dram_words_per_cycle - exposed
    if variant.round_latency:
        hidden = hidden + latency * (rounds - 1)
    last = on_array / rounds if variant.last_tile_exposed else 0.0
    fixed = variant.exposed_latencies * latency + variant.overhead
    return exposed + np.maximum(on_array - last, hidden) + last + fixed


def layer_energy(dataflow: Dataflow, layer: ConvLayer, space: TilingSpace, accelerator: Accelerator) -> Grid:
    """Energy of every tiling in MACs, at 16 bits."""
    table = accelerator.energy
    fixed = table.mac * executed_macs(dataflow, layer) + table.register_file * register_file_accesses(dataflow, layer)
    every_tiling = TileBlocks(
        map_tiles=space.map_tiles,
        pixel_blocks=space.rows.blocks * space.cols.blocks,
        in_tiles=space.in_channels.tiles,
        in_blocks=space.in_channels.blocks,
        out_blocks=space.out_channels.blocks,
        register_blocks=space.out_channels.register_blocks,
    )
    on_chip = buffer_words(dataflow, layer, every_tiling, accelerator.array, word_scale(layer, accelerator))
    return fixed + table.buffer * (on_chip + space.dram_words) + table.dram * space.dram_words


if __name__ == "__main__":
    main()
