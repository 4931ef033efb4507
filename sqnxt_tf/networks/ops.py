"""The small set of operations that every network is written in.

A builder takes an `Ops` and describes a network once; what comes out depends on the interpreter:
`rows.RowOps` makes plain layer rows (no TensorFlow), `keras_ops.KerasOps` makes Keras layers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, Literal, TypeVar

Activation = Literal["relu", "leaky_relu"]
Kernel = int | tuple[int, int]
Padding = Literal["same", "valid"] | int

LEAKY_SLOPE = 0.1  # Darknet's

T = TypeVar("T")


def kernel_pair(kernel: Kernel) -> tuple[int, int]:
    """`(height, width)` of a kernel given as one integer or as a pair."""
    return (kernel, kernel) if isinstance(kernel, int) else kernel


class Ops(ABC, Generic[T]):
    """Operations on maps of type `T`, NHWC. A name is given to each layer and kept in every artifact."""

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
        bias: bool = False,
        batch_norm: bool = False,
        activation: Activation | None = None,
        name: str,
    ) -> T:
        """Convolution, then batch norm and activation where asked for. An integer `padding` pads every side."""

    @abstractmethod
    def depthwise_conv(self, x: T, kernel: Kernel, *, stride: int = 1, name: str) -> T:
        """One filter a channel, then batch norm and ReLU."""

    @abstractmethod
    def max_pool(self, x: T, size: int, *, stride: int = 2, name: str) -> T:
        """Max pool without padding; a window that hangs over the lower or right edge counts (ceil mode).

        Where windows overlap the map must not be negative, as behind a ReLU: the edge may be filled with zeros.
        """

    @abstractmethod
    def global_average_pool(self, x: T, *, name: str) -> T:
        """The mean of every channel over its whole map, as a 1x1 map."""

    @abstractmethod
    def dense(self, x: T, units: int, *, bias: bool, activation: Activation | None = None, name: str) -> T:
        """Fully connected layer; reads the map flattened in row, column, channel order."""

    @abstractmethod
    def add(self, xs: Sequence[T], *, activation: Activation | None = None, name: str) -> T:
        """Sum of maps of one shape, then the activation."""

    @abstractmethod
    def concat(self, xs: Sequence[T], *, name: str) -> T:
        """Maps of one height and width, side by side along the channels."""

    @abstractmethod
    def dropout(self, x: T, rate: float, *, name: str) -> T:
        """Dropout while training; nothing at inference."""

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
        """Convolution without bias, batch norm, ReLU."""
        return self.conv(
            x,
            filters,
            kernel,
            stride=stride,
            padding=padding,
            groups=groups,
            batch_norm=True,
            activation="relu",
            name=name,
        )
