"""Convolutions, dense layers and normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from .layers_plain import activate
from .padding import explicit_pads
from .registry import LayerCall, handles


@handles("Conv2D")
def conv2d(call: LayerCall) -> str:
    """Kernel HWIO -> OIHW; grouped convolutions stay one node."""
    kernel = call.layer.kernel.numpy().transpose(3, 2, 0, 1)
    return _conv(call, call.input, kernel, groups=call.layer.groups)


@handles("DepthwiseConv2D")
def depthwise_conv2d(call: LayerCall) -> str:
    """One group a channel."""
    return _conv(call, call.input, _depthwise_kernel(call), groups=call.input_shape[-1])


@handles("SeparableConv2D")
def separable_conv2d(call: LayerCall) -> str:
    """A depthwise convolution, then a 1x1 one that carries the layer's name."""
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
    """Gemm on vectors, a 1x1 convolution on images."""
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


@handles("BatchNormalization")
def batch_normalization(call: LayerCall) -> str:
    """Plain BatchNormalization; a later pass folds it into the convolution before it."""
    layer = call.layer
    axis = layer.axis[0] if isinstance(layer.axis, list | tuple) else layer.axis
    if axis not in (-1, len(call.input_shape)):
        raise call.unsupported(f"axis {layer.axis}")
    mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    scale = layer.gamma.numpy() if layer.scale else np.ones_like(mean)
    shift = layer.beta.numpy() if layer.center else np.zeros_like(mean)
    values = {"scale": scale, "shift": shift, "mean": mean, "variance": variance}
    constants = [call.constant(name, value) for name, value in values.items()]
    return call.add("BatchNormalization", [call.input, *constants], epsilon=float(layer.epsilon))


@handles("Rescaling")
def rescaling(call: LayerCall) -> str:
    """Times scale plus offset, numbers or one per channel."""
    scaled = call.add("Mul", [call.input, call.constant("scale", _per_channel(call, call.layer.scale))], "/scaled")
    return call.add("Add", [scaled, call.constant("offset", _per_channel(call, call.layer.offset))])


@handles("Normalization")
def normalization(call: LayerCall) -> str:
    """(x - mean) / deviation per channel, with Keras's floor of 1e-7 under the deviation."""
    if call.layer.invert:
        raise call.unsupported("invert=True")
    mean = np.asarray(call.layer.mean).reshape(-1)
    deviation = np.maximum(np.sqrt(np.asarray(call.layer.variance).reshape(-1)), 1e-7)
    centred = call.add("Sub", [call.input, call.constant("mean", _per_channel(call, mean))], "/centred")
    return call.add("Div", [centred, call.constant("deviation", _per_channel(call, deviation))])


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
    """[h, w, channels, multiplier] -> [channels * multiplier, 1, h, w]."""
    kernel = call.layer.depthwise_kernel.numpy().transpose(2, 3, 0, 1)
    return kernel.reshape(-1, 1, *kernel.shape[2:])


def _per_channel(call: LayerCall, values: Any) -> Any:
    """A number, or a vector shaped to broadcast over NCHW."""
    array = np.asarray(values, np.float32).reshape(-1)
    if array.size == 1:
        return array[0]
    if array.size != call.input_shape[-1]:
        raise call.unsupported(f"a scale of {array.size} values for {call.input_shape[-1]} channels")
    return array.reshape(-1, 1, 1) if len(call.input_shape) == 3 else array
