"""From a workload and an accelerator to a report."""

from collections.abc import Hashable, Iterator
from dataclasses import fields, replace
from operator import attrgetter

from sqnxt_sim.accelerator import Accelerator
from sqnxt_sim.dataflows import Dataflow
from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.layers import ConvLayer, Uncosted, UncostedLayer, Workload
from sqnxt_sim.report import LayerCost, NetworkReport
from sqnxt_sim.search import TilingCost, best_tilings
from sqnxt_sim.tiling import TilingSpace, tiling_space

PRECISIONS = {"float32": (32, 32), "float16": (16, 16), "int16": (16, 16), "int16x8": (16, 8), "int8": (8, 8)}
"""Activation and weight bits of each precision that may be imposed."""


# All that the tilings of a layer depend on.
_shape = attrgetter(*({field.name for field in fields(ConvLayer)} - {"name", "op", "batch", "nonzero_weights"}))


def simulate(
    workload: Workload,
    accelerator: Accelerator,
    *,
    dataflow: Dataflow | str = "best",
    sparsity: float | None = None,
    precision: str | None = None,
) -> NetworkReport:
    """Cycles and energy of every layer of `workload` on `accelerator`, each at its best tiling.

    Args:
        workload: The network, from `read_onnx` or put together from `ConvLayer`s.
        accelerator: The hardware, from `load_accelerator`.
        dataflow: `weight_stationary` or `output_stationary`, or `best`: the faster one for each layer, as in the paper.
        sparsity: Fraction of zero weights (0..1) to assume in every layer in place of those counted.
        precision: One of `PRECISIONS`, to assume in place of the graph's own bits.

    Raises:
        SimulatorError: an option out of range, or a layer that no tiling fits.
    """
    if sparsity is not None and not 0 <= sparsity <= 1:
        raise SimulatorError(f"sparsity {sparsity}: is out of range; give a fraction in 0..1")
    if precision is not None and precision not in PRECISIONS:
        raise SimulatorError(f"precision {precision!r}: is not known; use one of {', '.join(PRECISIONS)}")
    solver = _Solver(accelerator, _only(dataflow))
    layers = tuple(
        solver.cost(_assume(layer, accelerator, sparsity, precision)) if isinstance(layer, ConvLayer) else layer
        for layer in workload.layers
    )
    return NetworkReport(
        model=workload.name,
        accelerator=accelerator,
        layers=layers,
        notes=tuple(_notes(workload, accelerator, sparsity, precision)),
    )


def _only(dataflow: str) -> Dataflow | None:
    """The one dataflow that is asked for, or None for the best of them; hyphens are as good as underscores."""
    name = dataflow.replace("-", "_")
    if name == "best":
        return None
    if name not in tuple(Dataflow):
        raise SimulatorError(f"dataflow {dataflow!r}: is not known; use one of best, {', '.join(Dataflow)}")
    return Dataflow(name)


class _Solver:
    """Costs layers on one accelerator; layers that differ in name only are solved once."""

    def __init__(self, accelerator: Accelerator, only: Dataflow | None) -> None:
        self._accelerator = accelerator
        self._only = only
        self._spaces: dict[Hashable, TilingSpace] = {}
        self._costs: dict[Hashable, tuple[TilingCost, TilingCost]] = {}

    def cost(self, layer: ConvLayer) -> LayerCost:
        """The cost of a layer whose bits are known."""
        chosen, rejected = self._both(layer)
        return LayerCost(layer=layer, chosen=chosen, rejected=rejected, accelerator=self._accelerator)

    def _both(self, layer: ConvLayer) -> tuple[TilingCost, TilingCost]:
        """The chosen and the rejected dataflow, one image."""
        shape = _shape(layer)
        problem = (shape, layer.nonzero_weights)
        if problem not in self._costs:
            if shape not in self._spaces:
                self._spaces[shape] = tiling_space(layer, self._accelerator)
            costs = best_tilings(layer, self._spaces[shape], self._accelerator)
            first, second = sorted(costs.values(), key=self._rank)
            self._costs[problem] = (first, second)
        return self._costs[problem]

    def _rank(self, cost: TilingCost) -> tuple[bool, float]:
        """Least first: the dataflow that was asked for, then the least time alone."""
        return (self._only is not None and cost.dataflow is not self._only, cost.cycles.total)


def _assume(layer: ConvLayer, accelerator: Accelerator, sparsity: float | None, precision: str | None) -> ConvLayer:
    """The layer as it is to be costed: bits filled in, what-ifs imposed."""
    native = accelerator.array.word_bits
    activation_bits, weight_bits = layer.activation_bits or native, layer.weight_bits or native
    if precision is not None:
        activation_bits, weight_bits = PRECISIONS[precision]
    nonzero = layer.nonzero_weights if sparsity is None else (1 - sparsity) * layer.weights
    return replace(layer, activation_bits=activation_bits, weight_bits=weight_bits, nonzero_weights=nonzero)


def _notes(
    workload: Workload, accelerator: Accelerator, sparsity: float | None, precision: str | None
) -> Iterator[str]:
    layers = workload.conv_layers
    missing = [x for x in workload.layers if isinstance(x, UncostedLayer) and x.why is Uncosted.NO_MODEL]
    if missing:
        ops = ", ".join(sorted({layer.op for layer in missing}))
        yield f"the total leaves out {len(missing)} node(s) that do real work and have no model: {ops}"
    if precision is not None:
        yield f"precision {precision} is assumed for every layer, whatever the graph says"
    elif floats := sum(layer.weight_bits is None or layer.activation_bits is None for layer in layers):
        yield f"{floats} layer(s) in floating point are counted at the native {accelerator.array.word_bits} bits"
    if sparsity is not None:
        yield f"{sparsity:.0%} of the weights of every layer are assumed to be zero, whatever the graph says"
    elif unknown := sum(layer.nonzero_weights is None for layer in layers):
        yield f"{unknown} layer(s) have weights that are not known: no zeros are assumed in them"
    batch = max((layer.batch for layer in layers), default=1)
    if batch > 1:
        yield f"the batch of {batch} is costed image after image, each fetching the weights anew"
