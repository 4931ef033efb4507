"""Costs of many layers on many accelerators, layer by layer, for searches that sum them into networks.

Accelerators with one PE array share the search of a layer, as in `many_accelerators`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

import numpy as np

from sqnxt_sim.batches import Batch, BatchSearch, batches
from sqnxt_sim.errors import NoRoomError
from sqnxt_sim.machine.accelerator import Accelerator
from sqnxt_sim.machine.axes import Array
from sqnxt_sim.simulator import assumed_layer, check_assumptions, node_cost
from sqnxt_sim.workload import ConvLayer, OffArrayNode

LAYER_FIGURES = ("cycles", "energy", "dram_bytes")
"""The figures of a layer, in the order of `layer_table`; energy is in MACs of native width."""


def layer_table(
    nodes: Sequence[ConvLayer | OffArrayNode],
    accelerators: Sequence[Accelerator],
    *,
    network_inputs: Container[int] = (),
    sparsity: float | None = None,
    precision: str | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Array:
    """Return the costs of layers on accelerators, float64 [layers, figures, accelerators].

    The figures are `LAYER_FIGURES`, as `simulate_workload` gives them for the layer in its network. They are infinite
    where no tiling fits, and 0 for an operator without a vector unit.

    Args:
        nodes: Layers and operators, each with a batch of one image.
        accelerators: The hardware.
        network_inputs: Indices of the layers that read a network's input, which no layer left in the buffer.
        sparsity: As for `simulate_workload`.
        precision: As for `simulate_workload`.
        progress: Called with the number of layers that are done.

    Raises:
        SimulatorError: An assumption makes no sense, or a layer has too many tilings to search.
    """
    check_assumptions(sparsity, precision)
    table = np.empty((len(nodes), len(LAYER_FIGURES), len(accelerators)))
    groups = [(np.array(batch.indices), _costs_of(batch, accelerators)) for batch in batches(accelerators)]
    for place, node in enumerate(nodes):
        for indices, costs in groups:
            table[place][:, indices] = costs(node, sparsity, precision, place in network_inputs)
        progress(place + 1)
    return table


Costs = Callable[[ConvLayer | OffArrayNode, float | None, str | None, bool], Array]
"""A node, sparsity, precision, and whether the node reads the network's input -> float64 [figures, accelerators]."""


def _costs_of(batch: Batch, accelerators: Sequence[Accelerator]) -> Costs:
    """Return the function that costs a node on the accelerators of a batch."""
    group = [accelerators[index] for index in batch.indices]
    if batch.search is not None:
        return _shared_costs(group, BatchSearch(group, batch.search))

    def costs(node: ConvLayer | OffArrayNode, sparsity: float | None, precision: str | None, first: bool) -> Array:
        return np.array([_own_cost(node, one, sparsity, precision, first=first) for one in group]).T

    return costs


def _own_cost(
    node: ConvLayer | OffArrayNode,
    accelerator: Accelerator,
    sparsity: float | None,
    precision: str | None,
    *,
    first: bool,
) -> tuple[float, float, float]:
    try:
        cost = node_cost(node, accelerator, sparsity, precision, reads_network_input=first)
    except NoRoomError:
        return (np.inf, np.inf, np.inf)
    if isinstance(cost, OffArrayNode):
        return (0.0, 0.0, 0.0)
    return (cost.cycles, cost.energy.total, cost.dram_bytes)


def _shared_costs(group: Sequence[Accelerator], search: BatchSearch) -> Costs:
    word_bits = group[0].array.word_bits

    def costs(node: ConvLayer | OffArrayNode, sparsity: float | None, precision: str | None, first: bool) -> Array:
        if isinstance(node, OffArrayNode):
            figures = search.operator(node)
        else:
            figures = search.layer(assumed_layer(node, word_bits, sparsity, precision))
        cycles, *energies, words = figures
        found = np.stack((cycles, sum(energies), words * word_bits / 8))
        return np.where(np.isnan(found), np.inf, found)

    return costs
