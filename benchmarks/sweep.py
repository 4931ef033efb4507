"""Accelerators a second that a sweep costs, beside one simulation after another.

    python benchmarks/sweep.py [--runs N] [--arrays N]

Each grid has about N accelerators. Those with one PE array share its tilings, and different PE arrays are searched
together. Everything runs on one core, kind after kind, RUNS times, with every cache cleared before each.
"""

import argparse
from collections import defaultdict
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from simulator import NETWORK, Seconds, clear_caches, timed, use_one_core

if TYPE_CHECKING:
    from sqnxt_sim import Accelerator, Workload

BASE = "squeezelerator-16x16"


def grids(arrays: int) -> dict[str, list["Accelerator"]]:
    """Return grids of as many accelerators, by what differs in them."""
    from sqnxt_sim import load_accelerator
    from sqnxt_tf import ArrayGrid

    side, quarter = round(arrays**0.5), arrays // 4
    dimensions = {
        "bandwidth, latency, clock, energies": {
            "dram.bytes_per_second": f"1G..{max(quarter // 10, 2)}G:1G",
            "dram.latency_cycles": [0, 100],
            "array.clock_hz": [0.5e9, 1e9],
            "energy.dram": [100 + 10 * step for step in range(10)],
        },
        "buffers": {"buffer.bytes": f"8K..{7 + arrays}K:1K"},
        "25 PE arrays, each with as many memories": {
            "array.rows": "8..24:4",
            "array.cols": "8..24:4",
            "buffer.bytes": "32K..256K*2",
            "dram.bytes_per_second": f"1G..{max(arrays // 100, 2)}G:1G",
        },
        "PE arrays": {"array.rows": f"4..{3 + side}", "array.cols": f"4..{3 + side}"},
    }
    base = load_accelerator(BASE)
    return {name: ArrayGrid.of(base, values).accelerators for name, values in dimensions.items()}


def one_by_one(workload: "Workload", accelerators: list["Accelerator"]) -> None:
    from sqnxt_sim import SimulatorError, simulate_workload

    for accelerator in accelerators:
        try:
            simulate_workload(workload, accelerator, sparsity=0.4)
        except SimulatorError:
            continue  # a buffer without room for a tile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--arrays", type=int, default=1000)
    options = parser.parse_args()
    use_one_core()
    from sqnxt_sim import simulate_many
    from sqnxt_tf import network_workload

    workload, kinds = network_workload(NETWORK), grids(options.arrays)
    samples: defaultdict[str, list[Seconds]] = defaultdict(list)
    few = next(iter(kinds.values()))[: max(options.arrays // 20, 1)]
    for _ in range(options.runs):
        for name, accelerators in kinds.items():
            clear_caches()
            samples[name].append(timed(partial(simulate_many, workload, accelerators, sparsity=0.4)))
        clear_caches()
        samples["one by one"].append(timed(partial(one_by_one, workload, few)))
    print("| what differs | arrays | median s | median CPU s | arrays a CPU second |\n|---|---|---|---|---|")
    for name, accelerators in (kinds | {"one by one": few}).items():
        wall, cpu = (median(sample) for sample in zip(*samples[name], strict=True))
        number = len(accelerators)
        print(f"| {name} | {number:,} | {wall:.3f} | {cpu:.3f} | {number / cpu:,.0f} |")


if __name__ == "__main__":
    main()
