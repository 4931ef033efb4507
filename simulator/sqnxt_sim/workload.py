"""The simulator's input: a network as layers for the array, and nodes that the array does not run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqnxt_sim.layer_limits import check_layer
from sqnxt_sim.shown import Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvLayer:
    """A convolution, or a matrix product as a 1x1 convolution: on a 1x1 map, or on the map that its rows are.

    Sizes are in elements; pads are rows and columns of zeros. `weight_bits` and `activation_bits` are None for
    floating point, which is counted at the accelerator's native width. `nonzero_weights` is a count over all groups. It
    is None if the weights are not known, and fractional if a sparsity is assumed rather than counted.
    `computed_weights` tells that the network itself computes them, as in a product of two activations: they have the
    width of activations and are never pruned. A dilated kernel has the weights and MACs of its taps but also reads the
    rows and columns between them, which is an upper bound.
    `input_zeros` and `output_zeros` are the fractions of zero activations, None if they are not known.

    Raises:
        SimulatorError: A size is out of range, the groups do not divide the channels, or the output is empty.
    """

    name: str
    op: str = "Conv"
    in_channels: int
    out_channels: int
    in_height: int
    in_width: int
    kernel_height: int = 1
    kernel_width: int = 1
    stride_height: int = 1
    stride_width: int = 1
    dilation_height: int = 1
    dilation_width: int = 1
    pad_top: int = 0
    pad_left: int = 0
    pad_bottom: int = 0
    pad_right: int = 0
    groups: int = 1
    batch: int = 1
    weight_bits: int | None = None
    activation_bits: int | None = None
    nonzero_weights: float | None = None
    computed_weights: bool = False
    input_zeros: float | None = None
    output_zeros: float | None = None

    def __post_init__(self) -> None:
        check_layer(self)

    def assuming(self, *, activation_bits: int, weight_bits: int, nonzero_weights: float | None) -> ConvLayer:
        """Return a copy with other bits and zeros, which the caller has checked.

        The rest is not checked again. `dataclasses.replace` would, and take a tenth of a cold search to do so.
        """
        copy = object.__new__(ConvLayer)
        for field in ConvLayer.__slots__:
            object.__setattr__(copy, field, getattr(self, field))
        object.__setattr__(copy, "activation_bits", activation_bits)
        object.__setattr__(copy, "weight_bits", weight_bits)
        object.__setattr__(copy, "nonzero_weights", nonzero_weights)
        return copy

    @property
    def span_height(self) -> int:
        """Input rows from the first to the last tap of the kernel, dilation included."""
        return (self.kernel_height - 1) * self.dilation_height + 1

    @property
    def span_width(self) -> int:
        """Input columns from the first to the last tap of the kernel, dilation included."""
        return (self.kernel_width - 1) * self.dilation_width + 1

    @property
    def out_height(self) -> int:
        """Rows of the output map."""
        return (self.in_height + self.pad_top + self.pad_bottom - self.span_height) // self.stride_height + 1

    @property
    def out_width(self) -> int:
        """Columns of the output map."""
        return (self.in_width + self.pad_left + self.pad_right - self.span_width) // self.stride_width + 1

    @property
    def group_in_channels(self) -> int:
        """Input channels of one group, c in the formulas of `dataflows`."""
        return self.in_channels // self.groups

    @property
    def group_out_channels(self) -> int:
        """Output channels of one group, k in the formulas of `dataflows`."""
        return self.out_channels // self.groups

    @property
    def is_depthwise(self) -> bool:
        """True if every input channel is a group of its own."""
        return self.groups > 1 and self.group_in_channels == 1

    @property
    def kernel_size(self) -> int:
        """Kernel height times width."""
        return self.kernel_height * self.kernel_width

    @property
    def out_pixels(self) -> int:
        """Pixels of one image's output map."""
        return self.out_height * self.out_width

    @property
    def in_pixels(self) -> int:
        """Pixels of one image's input map."""
        return self.in_height * self.in_width

    @property
    def weights(self) -> int:
        """Weights of all groups, zeros included, bias excluded."""
        return self.kernel_size * self.group_in_channels * self.out_channels

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole batch, padding and zero weights included, bias excluded."""
        return self.batch * self.out_pixels * self.weights


class OffArrayReason(StrEnum):
    """Why the array does not run a node."""

    FOLDED = "folded"
    """It merges into a neighbour or is a constant, so that there is nothing to cost."""
    NOT_COSTED = "not_costed"
    """The cost model leaves it out, as the paper does: pooling, additions, concatenations."""
    NO_MODEL = "no_model"
    """It does real work that has no cost model, so that the total is too low."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorWork:
    """Work of an operator on a vector unit, for the whole batch.

    `operations` counts operations on single values, such as an addition or a comparison. `bits` is the width of the
    values, or None for floats. `values_read` leaves constants out.
    """

    operations: int
    values_read: int
    values_written: int
    bits: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OffArrayNode:
    """A node that the array does not run.

    Attributes:
        name: The node's name.
        op: Its ONNX operator.
        why: Category of the reason.
        reason: The reason in words for the reader of a report.
        work: What a vector unit would do for it; None if there is nothing to do, or no model of it.
    """

    name: str
    op: str
    why: OffArrayReason
    reason: str
    work: VectorWork | None = None

    @property
    def lacks_work(self) -> bool:
        """Whether it is work for a vector unit that is not known, because a shape is not."""
        return self.why is OffArrayReason.NOT_COSTED and self.work is None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveActivations:
    """Activations in memory while a node runs: those that it reads, those that it writes, those that are read later.

    Floats are counted as values, because the accelerator sets their width. Integers are counted in bits.
    """

    node: str
    float_values: int
    integer_bits: int

    def bytes_at(self, word_bits: int) -> float:
        """Return the bytes, with floats at an accelerator's native width `word_bits`."""
        return (self.float_values * word_bits + self.integer_bits) / 8


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Workload(Shown):
    """A network in execution order. Every node of the graph is in it.

    Attributes:
        name: Name of the network.
        layers: One entry for each node; several for a node that becomes several layers.
        live: Activations that are alive while each node runs, one entry for each node that is not constant. Empty if
            only the layers are known, or if a shape is missing.
        input_shapes: Shapes of the graph's inputs that are tensors, in the graph's order.
        notes: Sentences about what was assumed where the graph does not say it; a report repeats them.
    """

    name: str
    layers: tuple[ConvLayer | OffArrayNode, ...]
    live: tuple[LiveActivations, ...] = ()
    input_shapes: tuple[tuple[int, ...], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def conv_layers(self) -> tuple[ConvLayer, ...]:
        """The layers that run on the array."""
        return tuple(layer for layer in self.layers if isinstance(layer, ConvLayer))
