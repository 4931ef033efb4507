"""The best cost of a layer in each dataflow that an accelerator has."""

from __future__ import annotations

from sqnxt_sim.machine.accelerator import Accelerator, Dataflow
from sqnxt_sim.machine.dataflows import TILED
from sqnxt_sim.machine.tile_search import best_tilings
from sqnxt_sim.machine.tiling import tiling_space
from sqnxt_sim.machine.tiling_cost import TilingCost
from sqnxt_sim.workload import ConvLayer


def costs_by_time(layer: ConvLayer, accelerator: Accelerator) -> tuple[TilingCost, ...]:
    """Return the cost of a layer in each dataflow, the fastest first. A dataflow's module loads when it is needed.

    Raises:
        SimulatorError: The layer does not fit the accelerator.
    """
    costs: list[TilingCost] = []
    if any(one in accelerator.dataflows for one in TILED):
        costs += best_tilings(layer, tiling_space(layer, accelerator), accelerator).values()
    if Dataflow.ROW_STATIONARY in accelerator.dataflows:
        from sqnxt_sim.machine.row_search import best_mapping

        costs.append(best_mapping(layer, accelerator))
    if Dataflow.OUTPUT_BLOCK in accelerator.dataflows:
        from sqnxt_sim.machine.output_block import best_blocks

        costs.append(best_blocks(layer, accelerator))
    return tuple(sorted(costs, key=lambda cost: cost.cycles.total))
