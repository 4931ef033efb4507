"""The small set of operations that every network is written in.

A builder takes an `Ops` and describes a network once. The result depends on the interpreter: `rows.RowOps` makes plain
layer rows (no TensorFlow), `tallies.TallyOps` counts distinct layers for a search, `keras_ops.KerasOps` makes Keras
layers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, Literal, NamedTuple, TypeVar

Activation = Literal["relu", "leaky_relu"]
Kernel = int | tuple[int, int]
Padding = Literal["same", "valid"] | int

LEAKY_SLOPE = 0.1  # Darknet's

T = TypeVar("T")


class Epilogue(NamedTuple):
    """What follows the sums of a convolution or fully connected layer: a bias, then batch norm, then an activation."""

    bias: bool = False
    batch_norm: bool = False
    activation: Activation | None = None


NOTHING = Epilogue()
BIAS = Epilogue(bias=True)
BIAS_RELU = Epilogue(bias=True, activation="relu")
NORM_RELU = Epilogue(batch_norm=True, activation="relu")
NORM_LEAKY_RELU = Epilogue(batch_norm=True, activation="leaky_relu")


def kernel_pair(kernel: Kernel) -> tuple[int, int]:
    """Return `(height, width)` of a kernel that is given as one integer or as a pair."""
    return (kernel, kernel) if isinstance(kernel, int) else kernel


class Ops(ABC, Generic[T]):
    """Operations on feature maps of type `T`, in NHWC order.

    Each layer has a `name`, which every artifact keeps. `stride` is one integer for both directions.
    """

    def begin_block(self, stage: int, block: int) -> None:  # most interpreters do not care
        """Note that the layers that follow belong to a block of a stage, both counted from 1; block 0 is none."""

    @abstractmethod
    def conv(
        self,
        x: T,
        filters: int,
        kernel: Kernel,
        *,
        stride: int = 1,
        padding: Padding = "same",
        groups: int = 1,
        then: Epilogue = NOTHING,
        name: str,
    ) -> T:
        """Convolve `x` with `filters` kernels, and apply `then`.

        `padding` is `same` or `valid` as in TensorFlow, or the number of zero pixels to add on every side. Each of the
        `groups` reads its own part of the input channels and writes its own part of the filters.
        """

    @abstractmethod
    def depthwise_conv(self, x: T, kernel: Kernel, *, stride: int = 1, name: str) -> T:
        """Convolve each channel with one kernel of its own, and apply batch norm and ReLU."""

    @abstractmethod
    def max_pool(self, x: T, size: int, *, stride: int = 2, name: str) -> T:
        """Take the maximum of every `size` x `size` window.

        A window that hangs over the lower or right edge counts too (ceil mode). Where it does, `x` must not be negative
        (as it is not after a ReLU), because an interpreter may fill the edge with zeros.
        """

    @abstractmethod
    def global_average_pool(self, x: T, *, name: str) -> T:
        """Average every channel over the whole map; the result is a 1x1 map."""

    @abstractmethod
    def dense(self, x: T, units: int, *, then: Epilogue = NOTHING, name: str) -> T:
        """Connect every input to every unit, and apply `then`; `x` is flattened in row, column, channel order."""

    @abstractmethod
    def add(self, xs: Sequence[T], *, activation: Activation | None = None, name: str) -> T:
        """Add maps of one shape, and apply the activation."""

    @abstractmethod
    def concat(self, xs: Sequence[T], *, name: str) -> T:
        """Join maps of one height and width along their channels."""

    @abstractmethod
    def dropout(self, x: T, rate: float, *, name: str) -> T:
        """Drop elements at `rate` in training; do nothing at inference."""

    def conv_bn_relu(
        self,
        x: T,
        filters: int,
        kernel: Kernel,
        *,
        stride: int = 1,
        padding: Padding = "same",
        groups: int = 1,
        name: str,
    ) -> T:
        """Convolve `x` without a bias, and apply batch norm and ReLU."""
        return self.conv(
            x,
            filters,
            kernel,
            stride=stride,
            padding=padding,
            groups=groups,
            then=NORM_RELU,
            name=name,
        )
