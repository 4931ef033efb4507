"""Convolutions and dense layers."""

from __future__ import annotations

from typing import Any

from sqnxt_export.convert.layer_converters import LayerCall, handles
from sqnxt_export.convert.layers_activations import activate
from sqnxt_export.convert.padding import explicit_pads


@handles("Conv2D")
def conv2d(call: LayerCall) -> str:
    """Convert to Conv, with the kernel from HWIO to OIHW; a grouped convolution is one node."""
    kernel = call.layer.kernel.numpy().transpose(3, 2, 0, 1)
    return _conv(call, call.input, kernel, groups=call.layer.groups)


@handles("DepthwiseConv2D")
def depthwise_conv2d(call: LayerCall) -> str:
    """Convert to Conv with one group per channel."""
    return _conv(call, call.input, _depthwise_kernel(call), groups=call.input_shape[-1])


@handles("SeparableConv2D")
def separable_conv2d(call: LayerCall) -> str:
    """Convert to a depthwise Conv followed by a 1x1 Conv, which has the layer's name."""
    layer = call.layer
    geometry = _geometry(call)
    weight = call.constant("depthwise_kernel", _depthwise_kernel(call))
    spatial = call.add("Conv", [call.input, weight], "/depthwise", group=call.input_shape[-1], **geometry)
    inputs = [spatial, call.constant("pointwise_kernel", layer.pointwise_kernel.numpy().transpose(3, 2, 0, 1))]
    if layer.use_bias:
        inputs.append(call.constant("bias", layer.bias.numpy()))
    output = call.add("Conv", inputs, kernel_shape=[1, 1], strides=[1, 1], pads=[0] * 4, dilations=[1, 1], group=1)
    return activate(call, output, layer.activation)


@handles("Dense")
def dense(call: LayerCall) -> str:
    """Convert to Gemm on vectors and to a 1x1 Conv on images."""
    weights = call.layer.kernel.numpy().T
    if len(call.input_shape) == 3:
        pointwise = {"kernel_shape": [1, 1], "strides": [1, 1], "pads": [0] * 4, "dilations": [1, 1]}
        return _conv(call, call.input, weights[:, :, None, None], groups=1, geometry=pointwise)
    if len(call.input_shape) != 1:
        raise call.unsupported(f"input of shape {call.input_shape}")
    inputs = [call.input, call.constant("kernel", weights)]
    if call.layer.use_bias:
        inputs.append(call.constant("bias", call.layer.bias.numpy()))
    return activate(call, call.add("Gemm", inputs, transB=1), call.layer.activation)


@handles("Conv2DTranspose")
def conv2d_transpose(call: LayerCall) -> str:
    """Convert to ConvTranspose, with the kernel from HWOI to IOHW.

    With padding 'same' the output is stride times the input's size, padded like the convolution that it reverses.
    """
    layer = call.layer
    if layer.output_padding is not None or layer.groups != 1:
        raise call.unsupported("an output padding, or groups,")
    geometry = {**_geometry(call), **_transposed_pads(call)}
    inputs = [call.input, call.constant("kernel", layer.kernel.numpy().transpose(3, 2, 0, 1))]
    if layer.use_bias:
        inputs.append(call.constant("bias", layer.bias.numpy()))
    return activate(call, call.add("ConvTranspose", inputs, group=1, **geometry), layer.activation)


def _transposed_pads(call: LayerCall) -> dict[str, list[int]]:
    """Return what is cut off on each side, and what is added where the windows do not reach the end.

    Worked example: 5 pixels, stride 2 and a kernel of 3 reach 11 pixels. For 'same' 10 are wanted, so one is cut off at
    the end.
    """
    layer = call.layer
    before, after = [], []
    for axis in (0, 1):
        window = (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis] + 1
        reached = (call.input_shape[axis] - 1) * layer.strides[axis] + window
        excess = reached - call.output_shape[axis]
        before.append(max(excess, 0) // 2)
        after.append(excess - before[-1])
    return {"pads": before + [max(side, 0) for side in after], "output_padding": [max(-side, 0) for side in after]}


def _conv(call: LayerCall, x: str, kernel: Any, *, groups: int, geometry: dict[str, Any] | None = None) -> str:
    inputs = [x, call.constant("kernel", kernel)]
    if call.layer.use_bias:
        inputs.append(call.constant("bias", call.layer.bias.numpy()))
    output = call.add("Conv", inputs, group=groups, **(geometry or _geometry(call)))
    return activate(call, output, call.layer.activation)


def _geometry(call: LayerCall) -> dict[str, Any]:
    layer = call.layer
    kernel, strides, dilations = list(layer.kernel_size), list(layer.strides), list(layer.dilation_rate)
    pads = explicit_pads(layer.padding, call.input_shape[:2], kernel, strides, dilations)
    return {"kernel_shape": kernel, "strides": strides, "pads": pads, "dilations": dilations}


def _depthwise_kernel(call: LayerCall) -> Any:
    """Return the depthwise kernel, from [h, w, channels, multiplier] to [channels * multiplier, 1, h, w]."""
    kernel = call.layer.depthwise_kernel.numpy().transpose(2, 3, 0, 1)
    return kernel.reshape(-1, 1, *kernel.shape[2:])
