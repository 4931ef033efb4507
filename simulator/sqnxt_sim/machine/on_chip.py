"""What is on the chip beside the PEs: global buffer, scratchpads, memory of output blocks, vector unit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalBuffer:
    """On-chip buffer between DRAM and array.

    Attributes:
        bytes: Size of the whole buffer.
        capacity_divisor: A tile fits if this many copies of it do.
        double_buffered: The next tile loads while one is worked on, so that twice as many copies must fit.
        input_bytes: Part of the buffer that inputs may take; None if they share the whole.
        weight_bytes: Part of the buffer that weights may take.
        output_bytes: Part of the buffer that outputs and partial sums may take.
        input_words_per_cycle: Inputs that the array reads in a cycle; None if that is no limit.
        weight_words_per_cycle: Weights that the array reads in a cycle.
        output_words_per_cycle: Outputs and partial sums that the array writes in a cycle, and reads at the same time.
        keeps_maps: A map of at most half of the buffer stays there from the layer that writes it to the one that reads
            it. The network's own input comes from DRAM.
        holds_input: False while the layer is costed that reads the network's own input; a file does not state it.
    """

    bytes: int
    capacity_divisor: float = 1.0
    double_buffered: bool = False
    input_bytes: int | None = None
    weight_bytes: int | None = None
    output_bytes: int | None = None
    input_words_per_cycle: float | None = None
    weight_words_per_cycle: float | None = None
    output_words_per_cycle: float | None = None
    keeps_maps: bool = False
    holds_input: bool = True

    @property
    def copies(self) -> float:
        """Copies of a tile that must fit."""
        return self.capacity_divisor * (2 if self.double_buffered else 1)

    @property
    def words_per_cycle(self) -> tuple[float | None, float | None, float | None]:
        """Limits of inputs, weights and outputs between buffer and array."""
        return self.input_words_per_cycle, self.weight_words_per_cycle, self.output_words_per_cycle


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratchpad:
    """Words of each operand that one PE keeps for itself in row stationary."""

    input_words: int
    weight_words: int
    output_words: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputBlocks:
    """How an array with the dataflow `output_block` computes, as Arm's Ethos-U does.

    A step computes `pixel_rows` x `pixel_cols` pixels of `out_channels` channels. It adds up `in_channels` products of
    one tap in each of `step_cycles` cycles, so four cycles cover four times as many channels of one tap or four taps.

    Attributes:
        pixel_rows: Output rows of a step.
        pixel_cols: Output columns of a step.
        out_channels: Output channels of a step.
        in_channels: Input channels that a cycle multiplies and adds up.
        step_cycles: Cycles of a step, in which the pixels of a step use one set of weights.
        block_bytes: Memory for a block: its inputs and its accumulators, each twice.
        input_granule_bytes: Inputs take a multiple of this many bytes of the memory.
        accumulator_granule_bytes: Accumulators take a multiple of this many bytes.
        accumulator_bits: Width of an accumulator.
        max_rows: Most output rows of a block.
        max_cols: Most output columns of a block.
        max_channels: Most output channels of a block.
        join_operations: Operations of the vector unit for each output of a grouped convolution, whose groups run one
            after the other as convolutions of their own and are put together at the end.
    """

    pixel_rows: int
    pixel_cols: int
    out_channels: int
    in_channels: int
    step_cycles: int
    block_bytes: int
    accumulator_bits: int
    max_rows: int
    max_cols: int
    max_channels: int
    input_granule_bytes: int = 1
    accumulator_granule_bytes: int = 1
    join_operations: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorUnit:
    """Unit for operators that the array does not run, such as pooling; energy is in MACs of native width.

    `window_operations_per_cycle` is for MaxPool and AveragePool, if these are faster, as where they run on the array.
    """

    operations_per_cycle: float
    operation_energy: float
    window_operations_per_cycle: float | None = None

    def rate(self, op: str) -> float:
        """Return the operations of an ONNX operator in a cycle."""
        windows = self.window_operations_per_cycle if op in ("MaxPool", "AveragePool") else None
        return windows or self.operations_per_cycle
