"""Networks as plain layer rows: shapes, parameters and MACs without TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks.ops import NOTHING, Activation, Epilogue, Kernel, Ops, Padding, kernel_pair

Shape = tuple[int, int, int]  # height, width, channels


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """One layer at inference; batch norm and activation belong to the layer that they follow.

    `op` is ONNX's operator name. Shapes are (height, width, channels), kernels (height, width), `pads` top, left,
    bottom and right, in pixels. A fully connected layer has a 1x1 kernel on a 1x1 map. `weights` and `biases` are
    counts, `norm_channels` the channels of a batch norm, `macs` the multiply-accumulates of one image.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    in_shape: Shape
    out_shape: Shape
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1
    weights: int = 0
    biases: int = 0
    norm_channels: int = 0
    macs: int = 0

    @property
    def params(self) -> int:
        """Weights, biases, and two parameters (scale and shift) for each batch-norm channel."""
        return self.weights + self.biases + 2 * self.norm_channels

    @property
    def out_elements(self) -> int:
        """Number of elements that the layer writes."""
        return prod(self.out_shape)


@dataclass(frozen=True, slots=True)
class Map:
    """A feature map: the layer that made it, and its shape."""

    name: str
    shape: Shape


class TooSmallError(SqnxtError):
    """The input is too small for the network."""


class RowOps(Ops[Map]):
    """Collects a `LayerRow` for each operation, in execution order."""

    def __init__(self) -> None:
        self.rows: list[LayerRow] = []

    def input(self, height: int, width: int, channels: int) -> Map:
        """Return the image that the network reads."""
        return Map("input", (height, width, channels))

    def conv(
        self,
        x: Map,
        filters: int,
        kernel: Kernel,
        *,
        stride: int = 1,
        padding: Padding = "same",
        groups: int = 1,
        then: Epilogue = NOTHING,
        name: str,
    ) -> Map:
        in_channels = x.shape[2]
        if in_channels % groups or filters % groups:
            raise SqnxtError(
                name,
                f"{in_channels} -> {filters} channels do not divide into {groups} groups",
                "choose another width or other groups",
            )
        kernel = kernel_pair(kernel)
        pads = _pads(x.shape, kernel, stride, padding)
        height, width = _out_size(x.shape, kernel, stride, pads, name)
        weights = prod(kernel) * in_channels // groups * filters
        return self._append(
            LayerRow(
                name=name,
                op="Conv",
                inputs=(x.name,),
                in_shape=x.shape,
                out_shape=(height, width, filters),
                kernel=kernel,
                stride=stride,
                pads=pads,
                groups=groups,
                weights=weights,
                biases=filters if then.bias else 0,
                norm_channels=filters if then.batch_norm else 0,
                macs=weights * height * width,
            )
        )

    def depthwise_conv(self, x: Map, kernel: Kernel, *, stride: int = 1, name: str) -> Map:
        channels = x.shape[2]
        return self.conv_bn_relu(x, channels, kernel, stride=stride, groups=channels, name=name)

    def max_pool(self, x: Map, size: int, *, stride: int = 2, name: str) -> Map:
        height, width, channels = x.shape
        bottom, right = (overhang(extent, size, stride) for extent in (height, width))
        pads = (0, 0, bottom, right)
        out = _out_size(x.shape, (size, size), stride, pads, name)
        return self._append(
            LayerRow(
                name=name,
                op="MaxPool",
                inputs=(x.name,),
                in_shape=x.shape,
                out_shape=(*out, channels),
                kernel=(size, size),
                stride=stride,
                pads=pads,
            )
        )

    def global_average_pool(self, x: Map, *, name: str) -> Map:
        height, width, channels = x.shape
        return self._append(
            LayerRow(
                name=name,
                op="GlobalAveragePool",
                inputs=(x.name,),
                in_shape=x.shape,
                out_shape=(1, 1, channels),
                kernel=(height, width),
            )
        )

    def dense(self, x: Map, units: int, *, then: Epilogue = NOTHING, name: str) -> Map:
        weights = prod(x.shape) * units
        return self._append(
            LayerRow(
                name=name,
                op="Gemm",
                inputs=(x.name,),
                in_shape=(1, 1, prod(x.shape)),
                out_shape=(1, 1, units),
                weights=weights,
                biases=units if then.bias else 0,
                norm_channels=units if then.batch_norm else 0,
                macs=weights,
            )
        )

    def add(self, xs: Sequence[Map], *, activation: Activation | None = None, name: str) -> Map:
        if len({x.shape for x in xs}) != 1:
            shapes = ", ".join(str(x.shape) for x in xs)
            raise SqnxtError(name, f"cannot add maps of the shapes {shapes}", "bring them to one shape before")
        return self._join("Add", xs, xs[0].shape, name)

    def concat(self, xs: Sequence[Map], *, name: str) -> Map:
        height, width, _ = xs[0].shape
        return self._join("Concat", xs, (height, width, sum(x.shape[2] for x in xs)), name)

    def dropout(self, x: Map, rate: float, *, name: str) -> Map:
        return x

    def _join(self, op: str, xs: Sequence[Map], shape: Shape, name: str) -> Map:
        return self._append(
            LayerRow(name=name, op=op, inputs=tuple(x.name for x in xs), in_shape=shape, out_shape=shape)
        )

    def _append(self, row: LayerRow) -> Map:
        self.rows.append(row)
        return Map(row.name, row.out_shape)


def overhang(extent: int, size: int, stride: int) -> int:
    """Return how many pixels the last window of a ceil-mode pool hangs over the edge.

    Example: windows of 3 at stride 2 on 8 pixels begin at 0, 2, 4 and 6; the last one hangs over by 1.
    """
    return (size - extent) % stride if extent >= size else 0


def same_pads(extent: int, size: int, stride: int) -> tuple[int, int]:
    """Return how many pixels TensorFlow's `same` padding adds before and after an extent.

    Example: a kernel of 3 at stride 2 on 8 pixels gives 4 outputs, which span 9 pixels: (0, 1).
    """
    total = max((-(-extent // stride) - 1) * stride + size - extent, 0)
    return total // 2, total - total // 2


def _pads(shape: Shape, kernel: tuple[int, int], stride: int, padding: Padding) -> tuple[int, int, int, int]:
    if padding == "valid":
        return (0, 0, 0, 0)
    if padding == "same":
        top, bottom = same_pads(shape[0], kernel[0], stride)
        left, right = same_pads(shape[1], kernel[1], stride)
        return (top, left, bottom, right)
    return (padding, padding, padding, padding)


def _out_size(
    shape: Shape, kernel: tuple[int, int], stride: int, pads: tuple[int, int, int, int], name: str
) -> tuple[int, int]:
    top, left, bottom, right = pads
    height = (shape[0] + top + bottom - kernel[0]) // stride + 1
    width = (shape[1] + left + right - kernel[1]) // stride + 1
    if height < 1 or width < 1:
        raise TooSmallError(
            name, f"a {kernel[0]}x{kernel[1]} window does not fit a {shape[0]}x{shape[1]} map", "enlarge the input"
        )
    return height, width
