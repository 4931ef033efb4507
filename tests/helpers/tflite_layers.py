"""Files with one convolution, and what a reader finds in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from helpers.tflite_graphs import TfliteMaker, weights
from sqnxt_sim import ConvLayer, OffArrayNode, Workload

Read = Callable[..., Workload]
SAME, VALID = 0, 1


def convolved(
    data: Sequence[int], kernel: Sequence[int], output: Sequence[int], op: str = "CONV_2D", **options: Any
) -> TfliteMaker:
    """Return a file with one convolution; the options are padding, strides and dilations."""
    make = TfliteMaker()
    image = make.tensor("image", data, is_input=True)
    make.tensor("net/conv/Conv2D", kernel, values=weights(kernel))
    make.tensor("out", output)
    given = {"padding": SAME, "strideH": 1, "strideW": 1, **options}
    name = "DepthwiseConv2DOptions" if op == "DEPTHWISE_CONV_2D" else "Conv2DOptions"
    make.node(op, [image, "net/conv/Conv2D"], ["out"], options=name, **given)
    return make


def only_layer(workload: Workload) -> ConvLayer:
    """Return the single layer for the array."""
    (layer,) = workload.conv_layers
    return layer


def off_array(workload: Workload) -> dict[str, OffArrayNode]:
    """Return the other nodes by their names."""
    return {layer.name: layer for layer in workload.layers if isinstance(layer, OffArrayNode)}
