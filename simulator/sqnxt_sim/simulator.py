"""The simulation itself: from a workload and an accelerator to a report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from functools import lru_cache
from operator import attrgetter
from pathlib import Path

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.machine.accelerator import Accelerator, Dataflow
from sqnxt_sim.machine.accelerator_file import load_accelerator
from sqnxt_sim.machine.dataflow_search import costs_by_time
from sqnxt_sim.machine.layer_costs import LayerCost, VectorCost, vector_cost
from sqnxt_sim.machine.tiling_cost import TilingCost
from sqnxt_sim.report import NetworkReport
from sqnxt_sim.workload import ConvLayer, OffArrayNode, OffArrayReason, Workload

PRECISIONS = {
    "float32": (32, 32),
    "float16": (16, 16),
    "int16": (16, 16),
    "int16x8": (16, 8),
    "int8-weights": (32, 8),
    "int8": (8, 8),
}
"""Activation and weight bits of each precision that `simulate_workload` can assume."""


def simulate_workload(
    workload: Workload,
    accelerator: Accelerator | str | Path,
    *,
    dataflow: Dataflow | str = "best",
    sparsity: float | None = None,
    precision: str | None = None,
    strict: bool = False,
) -> NetworkReport:
    """Estimate cycles and energy of every layer of `workload` on `accelerator`, each at its best tiling.

    Args:
        workload: The network, from `read_onnx` or built of `ConvLayer`s.
        accelerator: The hardware, or the name of a preset or the path of an accelerator file.
        dataflow: One of the accelerator's dataflows, such as `weight_stationary`, or `best` for the fastest one of each
            layer, as in the paper.
        sparsity: Fraction of zero weights (0..1) to assume in every layer instead of counting zeros.
        precision: One of `PRECISIONS`, to assume instead of the graph's own bits.
        strict: Refuse a network with nodes that do real work and have no cost model or, on an accelerator with a vector
            unit, no known shape, instead of leaving them out.

    Raises:
        SimulatorError: An argument is of a wrong type or out of range, no tiling of a layer fits, or (`strict`) a node
            has no cost model.
    """
    accelerator = _hardware(workload, accelerator)
    check_assumptions(sparsity, precision)
    if strict:
        refuse_missing_models(workload, accelerator)
    only = only_dataflow(dataflow, accelerator)
    first = next((layer for layer in workload.layers if isinstance(layer, ConvLayer)), None)

    def cost(node: ConvLayer | OffArrayNode) -> LayerCost | VectorCost | OffArrayNode:
        assumed = sparsity, precision
        return node_cost(node, accelerator, *assumed, only=only, reads_network_input=node is first)

    return NetworkReport(
        model=workload.name,
        accelerator=accelerator,
        layers=tuple(map(cost, workload.layers)),
        notes=tuple(assumption_notes(workload, accelerator, sparsity, precision)),
        live=workload.live,
        input_shapes=workload.input_shapes,
    )


simulate = simulate_workload
"""Short name, for use as `sqnxt_sim.simulate`; inside this project the verb `sqnxt_tf.simulate` has that name."""


def _hardware(workload: object, accelerator: object) -> Accelerator:
    """Return the accelerator that is meant; refuse what is neither a workload nor an accelerator."""
    if not isinstance(workload, Workload):
        raise SimulatorError(
            f"workload {workload!r:.80}",
            f"is of type {type(workload).__name__}",
            "read a file with `read_model`, or make a Workload",
        )
    if isinstance(accelerator, str | Path):
        return load_accelerator(accelerator)
    if not isinstance(accelerator, Accelerator):
        raise SimulatorError(
            f"accelerator {accelerator!r:.80}",
            f"is of type {type(accelerator).__name__}",
            "give a preset's name, a .toml file, or an Accelerator",
        )
    return accelerator


def check_assumptions(sparsity: float | None, precision: str | None) -> None:
    """Refuse assumptions that make no sense.

    Raises:
        SimulatorError: The sparsity is out of range, or the precision is not known.
    """
    if sparsity is not None and not 0 <= sparsity <= 1:
        raise SimulatorError(f"sparsity {sparsity}", "is out of range", "give a fraction in 0..1")
    if precision is not None and precision not in PRECISIONS:
        raise SimulatorError(f"precision {precision!r}", "is not known", f"use one of {', '.join(PRECISIONS)}")


def refuse_missing_models(workload: Workload, accelerator: Accelerator) -> None:
    """Refuse a network with nodes that do real work and have no cost model or, for a vector unit, no known shape.

    Raises:
        SimulatorError: There is such a node.
    """
    faults = (
        (_without_model(workload), "do real work and have no cost model"),
        (_without_shape(workload, accelerator), "are work for the vector unit and have an unknown shape"),
    )
    for missing, fault in faults:
        if missing:
            named = ", ".join(f"{layer.op} {layer.name!r}" for layer in missing[:3]) + (", ..." if missing[3:] else "")
            raise SimulatorError(
                workload.name, f"{len(missing)} node(s) {fault} ({named})", "leave out `strict` to cost the rest"
            )


def _without_model(workload: Workload) -> list[OffArrayNode]:
    return [x for x in workload.layers if isinstance(x, OffArrayNode) and x.why is OffArrayReason.NO_MODEL]


def _without_shape(workload: Workload, accelerator: Accelerator) -> list[OffArrayNode]:
    nodes = [x for x in workload.layers if isinstance(x, OffArrayNode) and x.lacks_work]
    return nodes if accelerator.vector else []


def only_dataflow(dataflow: str, accelerator: Accelerator) -> Dataflow | None:
    """Return the one dataflow to use, or None for the best of them; hyphens may stand for underscores."""
    name = dataflow.replace("-", "_")
    if name == "best":
        return None
    if name not in tuple(Dataflow):
        raise SimulatorError(f"dataflow {dataflow!r}", "is not known", f"use one of best, {', '.join(Dataflow)}")
    if name not in accelerator.dataflows:
        has = ", ".join(accelerator.dataflows)
        raise SimulatorError(f"dataflow {dataflow!r}", f"is none of {accelerator.name}", f"use one of best, {has}")
    return Dataflow(name)


def node_cost(
    node: ConvLayer | OffArrayNode,
    accelerator: Accelerator,
    sparsity: float | None,
    precision: str | None,
    *,
    only: Dataflow | None = None,
    reads_network_input: bool,
) -> LayerCost | VectorCost | OffArrayNode:
    """Return the cost of one node of a network; a node that is not costed comes back as it is.

    Args:
        node: The layer or operator.
        accelerator: The hardware.
        sparsity: As for `simulate_workload`.
        precision: As for `simulate_workload`.
        only: The one dataflow to use, or None for the best.
        reads_network_input: Whether this is the network's first layer, whose input no layer left in the buffer.

    Raises:
        SimulatorError: No tiling of the layer fits.
    """
    if isinstance(node, OffArrayNode):
        return vector_cost(node, accelerator) or node
    hardware = accelerator.at_network_input if reads_network_input else accelerator
    cost = _cost(assumed_layer(node, accelerator.array.word_bits, sparsity, precision), hardware, only)
    return replace(cost, accelerator=accelerator) if reads_network_input else cost


def _cost(layer: ConvLayer, accelerator: Accelerator, only: Dataflow | None) -> LayerCost:
    """Return the cost of a layer whose bits are known."""
    try:
        by_time = _solve(LayerProblem(layer), accelerator)
    except SimulatorError as error:
        raise error.about(f"layer {layer.name!r}") from error
    chosen = next(cost for cost in by_time if only in (None, cost.dataflow))
    rejected = next((cost for cost in by_time if cost is not chosen), None)
    return LayerCost(layer=layer, chosen=chosen, rejected=rejected, accelerator=accelerator)


class LayerProblem:
    """Key of a layer: layers that differ only in name or operator are equal and are solved once."""

    __slots__ = ("_key", "layer")
    _of = attrgetter(*({field.name for field in fields(ConvLayer)} - {"name", "op"}))

    def __init__(self, layer: ConvLayer) -> None:
        self.layer = layer
        self._key = LayerProblem._of(layer)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LayerProblem) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=4096)
def _solve(problem: LayerProblem, accelerator: Accelerator) -> tuple[TilingCost, ...]:
    """Return every dataflow at its best, the fastest first."""
    return costs_by_time(problem.layer, accelerator)


def assumed_layer(layer: ConvLayer, native: int, sparsity: float | None, precision: str | None) -> ConvLayer:
    """Return the layer to cost: with native bits where it has none, and with the assumptions of the caller."""
    activation_bits, weight_bits = layer.activation_bits or native, layer.weight_bits or native
    if precision is not None:
        activation_bits, weight_bits = PRECISIONS[precision]
        weight_bits = activation_bits if layer.computed_weights else weight_bits
    assumes_zeros = sparsity is not None and not layer.computed_weights
    nonzero = (1 - (sparsity or 0)) * layer.weights if assumes_zeros else layer.nonzero_weights
    return layer.assuming(activation_bits=activation_bits, weight_bits=weight_bits, nonzero_weights=nonzero)


def assumption_notes(
    workload: Workload, accelerator: Accelerator, sparsity: float | None, precision: str | None
) -> Iterator[str]:
    """Yield sentences about what is assumed and what is left out."""
    layers = workload.conv_layers
    yield from workload.notes
    if missing := _without_model(workload):
        ops = ", ".join(sorted({layer.op for layer in missing}))
        yield f"the total leaves out {len(missing)} node(s) that do real work and have no cost model: {ops}"
    if unshaped := _without_shape(workload, accelerator):
        ops = ", ".join(sorted({layer.op for layer in unshaped}))
        yield f"the total leaves out {len(unshaped)} node(s) for the vector unit whose shapes are not known: {ops}"
    if precision is not None:
        yield f"precision {precision} is assumed for every layer, whatever the graph says"
    elif floats := sum(layer.weight_bits is None or layer.activation_bits is None for layer in layers):
        yield f"{floats} layer(s) in floating point are counted at the native {accelerator.array.word_bits} bits"
    if sparsity is not None:
        yield f"{sparsity:.0%} of the weights of every layer are assumed to be zero, whatever the graph says"
    elif unknown := sum(layer.nonzero_weights is None for layer in layers):
        yield f"{unknown} layer(s) have weights that are not known: no zeros are assumed in them"
    batch = max((layer.batch for layer in layers if not layer.computed_weights), default=1)
    if batch > 1:
        yield f"the batch of {batch} is costed image after image, each fetching the weights anew"
