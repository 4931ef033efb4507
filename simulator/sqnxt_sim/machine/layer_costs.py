"""The cost of one node: a layer on the array under both dataflows, or an operator on the vector unit."""

from __future__ import annotations

from dataclasses import dataclass

from sqnxt_sim.machine.accelerator import Accelerator
from sqnxt_sim.machine.tiling import cycles_per_mac, word_scale
from sqnxt_sim.machine.tiling_cost import Bound, Energy, TilingCost, larger
from sqnxt_sim.workload import ConvLayer, OffArrayNode


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofline:
    """A layer's place in the roofline model of its accelerator. MACs are those executed, without skipped zeros.

    `attainable_macs_per_cycle` is the lower of two limits: the array's peak, and the DRAM bandwidth times
    `macs_per_dram_byte`.
    """

    macs_per_dram_byte: float
    macs_per_cycle: float
    attainable_macs_per_cycle: float


class NodeCost:
    """Base of the cost of a node, which has its name and operator."""

    __slots__ = ()
    layer: ConvLayer | OffArrayNode

    @property
    def name(self) -> str:
        """The node's name."""
        return self.layer.name

    @property
    def op(self) -> str:
        """The node's ONNX operator."""
        return self.layer.op


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCost(NodeCost):
    """Cost of a layer under the chosen dataflow and the next best one.

    `layer` has the bits and zeros that were assumed.

    `chosen` and `rejected` are for one image; an array of a single dataflow rejects none. The properties are for the
    whole batch, which runs image after image; each image fetches the weights anew. In row stationary several images
    share them, and `chosen` is the mean of the batch.
    """

    layer: ConvLayer
    chosen: TilingCost
    rejected: TilingCost | None
    accelerator: Accelerator

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the batch, padding and zero weights included."""
        return self.layer.macs

    @property
    def cycles(self) -> float:
        """Cycles of the batch, not rounded."""
        return self.layer.batch * self.chosen.cycles.total

    @property
    def energy(self) -> Energy:
        """Energy of the batch in MACs of native width, by component."""
        return self.chosen.energy.times(self.layer.batch)

    @property
    def dram_bytes(self) -> float:
        """Bytes of the batch between DRAM and buffer."""
        return self.batch_bytes(self.chosen.dram_words)

    def batch_bytes(self, words: float) -> float:
        """Return the bytes of the batch from the native words of one image."""
        return self.layer.batch * words * self.accelerator.array.word_bits / 8

    @property
    def weight_sparsity(self) -> float:
        """Fraction of zero weights, counted or assumed; 0 if the weights are not known."""
        nonzero = self.layer.nonzero_weights
        return 0.0 if nonzero is None else 1 - nonzero / self.layer.weights

    @property
    def utilisation(self) -> float:
        """Fraction of all PE cycles in which a MAC is executed; a skipped zero is not a MAC."""
        return self.utilisation_of(self.chosen)

    def utilisation_of(self, one: TilingCost) -> float:
        """Return the utilisation under one of the two dataflows."""
        return one.executed_macs / one.cycles.total / self.peak_macs_per_cycle

    @property
    def roofline(self) -> Roofline:
        """MACs for each DRAM byte and each cycle, and the most MACs per cycle that the accelerator allows for them."""
        macs, one_image = self.chosen.executed_macs, self.chosen.dram_words * self.accelerator.array.word_bits / 8
        intensity = macs / one_image
        return Roofline(
            macs_per_dram_byte=intensity,
            macs_per_cycle=macs / self.chosen.cycles.total,
            attainable_macs_per_cycle=min(self.peak_macs_per_cycle, intensity * self.accelerator.dram_bytes_per_cycle),
        )

    @property
    def peak_macs_per_cycle(self) -> float:
        """MACs per cycle with every PE busy, at the layer's bits."""
        array = self.accelerator.array
        return array.size / cycles_per_mac(self.layer, array)

    @property
    def bound_by(self) -> Bound:
        """The component that takes the largest part of the time."""
        return self.chosen.cycles.bound_by

    @property
    def buffer_bytes(self) -> float:
        """Buffer bytes of one tile: its inputs, weights and outputs."""
        return self.chosen.buffer_words * self.accelerator.array.word_bits / 8

    @property
    def working_set_bytes(self) -> float:
        """Bytes of inputs, weights and outputs of the whole layer for one image; a buffer this large needs no tiles."""
        layer, scale = self.layer, word_scale(self.layer, self.accelerator, self.chosen.dataflow)
        activations = layer.in_channels * layer.in_height * layer.in_width + layer.out_channels * layer.out_pixels
        words = activations * scale.activation + layer.weights * scale.weight
        return words * self.accelerator.array.word_bits / 8

    @property
    def fits_buffer(self) -> bool:
        """True if the whole layer fits the global buffer at once."""
        return self.working_set_bytes <= self.accelerator.buffer.bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorCost(NodeCost):
    """Cost of an operator on the vector unit. Its values come from DRAM through the buffer, and return the same way.

    Operations and DRAM traffic overlap after the latency of the first access.
    """

    layer: OffArrayNode
    vector_cycles: float
    bandwidth_cycles: float
    latency_cycles: float
    energy: Energy
    dram_bytes: float

    @property
    def cycles(self) -> float:
        """Cycles of the batch, not rounded."""
        cycles: float = self.latency_cycles + larger(self.vector_cycles, self.bandwidth_cycles)
        return cycles

    @property
    def bound_by(self) -> Bound:
        """The component that takes the largest part of the time."""
        parts = {
            Bound.VECTOR_UNIT: self.vector_cycles,
            Bound.DRAM_BANDWIDTH: self.bandwidth_cycles,
            Bound.DRAM_LATENCY: self.latency_cycles,
        }
        return max(parts, key=lambda bound: parts[bound])

    @property
    def macs(self) -> int:
        """Always 0, because the operations are not multiply-accumulates."""
        return 0


def vector_cost(layer: OffArrayNode, accelerator: Accelerator) -> VectorCost | None:
    """Return the cost of a node on the vector unit; None if there is no unit, or no known work.

    Every value crosses the buffer twice: to or from DRAM, and to or from the unit. A buffer that keeps maps needs no
    DRAM for values that it holds all at once.
    """
    unit, work = accelerator.vector, layer.work
    if unit is None or work is None:
        return None
    native = accelerator.array.word_bits
    words = (work.values_read + work.values_written) * (work.bits or native) / native
    moved = 0.0 if accelerator.buffer.keeps_maps and words <= accelerator.buffer_words else words
    return VectorCost(
        layer=layer,
        vector_cycles=work.operations / unit.rate(layer.op),
        bandwidth_cycles=moved / accelerator.dram_words_per_cycle,
        latency_cycles=accelerator.dram.latency_cycles if moved and not accelerator.dram.pipelined else 0.0,
        energy=Energy(
            mac=0.0,
            register_file=0.0,
            buffer=accelerator.energy.buffer * (words + moved),
            dram=accelerator.energy.dram * moved,
            vector=unit.operation_energy * work.operations,
        ),
        dram_bytes=moved * native / 8,
    )
