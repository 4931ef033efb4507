"""Normalisation, and scales and shifts per channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from sqnxt_export.convert.layer_converters import LayerCall, handles


@handles("BatchNormalization")
def batch_normalization(call: LayerCall) -> str:
    """Convert to BatchNormalization; a later pass folds it into the convolution before it."""
    layer = call.layer
    _check_last_axis(call)
    mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    scale = layer.gamma.numpy() if layer.scale else np.ones_like(mean)
    shift = layer.beta.numpy() if layer.center else np.zeros_like(mean)
    values = {"scale": scale, "shift": shift, "mean": mean, "variance": variance}
    constants = [call.constant(name, value) for name, value in values.items()]
    return call.add("BatchNormalization", [call.input, *constants], epsilon=float(layer.epsilon))


@handles("LayerNormalization")
def layer_normalization(call: LayerCall) -> str:
    """Convert a normalisation over the channels to elementary operators.

    ONNX's own operator wants the channels last, which would take two transposes.
    """
    layer = call.layer
    _check_last_axis(call)
    axes = call.constant("axes", np.array([1], np.int64))
    centred = call.add("Sub", [call.input, call.add("ReduceMean", [call.input, axes], "/mean")], "/centred")
    squares = call.add("Mul", [centred, centred], "/squares")
    variance = call.add("ReduceMean", [squares, axes], "/variance")
    floored = call.add("Add", [variance, call.constant("epsilon", np.float32(layer.epsilon))], "/floored")
    result = call.add("Div", [centred, call.add("Sqrt", [floored], "/deviation")], "/normalised")
    if layer.scale:
        result = call.add("Mul", [result, call.constant("gamma", per_channel(call, layer.gamma.numpy()))], "/scaled")
    shift = layer.beta.numpy() if layer.center else 0.0
    return call.add("Add", [result, call.constant("beta", per_channel(call, shift))])


@handles("Rescaling")
def rescaling(call: LayerCall) -> str:
    """Convert to a multiplication and an addition, each with a number or one value per channel."""
    scaled = call.add("Mul", [call.input, call.constant("scale", per_channel(call, call.layer.scale))], "/scaled")
    return call.add("Add", [scaled, call.constant("offset", per_channel(call, call.layer.offset))])


@handles("Normalization")
def normalization(call: LayerCall) -> str:
    """Convert to (x - mean) / deviation per channel, where Keras makes the deviation at least 1e-7."""
    if call.layer.invert:
        raise call.unsupported("invert=True")
    mean = np.asarray(call.layer.mean).reshape(-1)
    deviation = np.maximum(np.sqrt(np.asarray(call.layer.variance).reshape(-1)), 1e-7)
    centred = call.add("Sub", [call.input, call.constant("mean", per_channel(call, mean))], "/centred")
    return call.add("Div", [centred, call.constant("deviation", per_channel(call, deviation))])


@handles("LayerScale")
def layer_scale(call: LayerCall) -> str:
    """Convert ConvNeXt's layer to a multiplication by one weight per channel."""
    return call.add("Mul", [call.input, call.constant("gamma", per_channel(call, call.layer.gamma.numpy()))])


@handles("CustomScaleLayer")
def scaled_sum(call: LayerCall) -> str:
    """Convert InceptionResNet's layer to the first input plus the second times a number."""
    first, second = call.inputs
    scaled = call.add("Mul", [second, call.constant("scale", np.float32(call.layer.scale))], "/scaled")
    return call.add("Add", [first, scaled])


def per_channel(call: LayerCall, values: Any) -> Any:
    """Return a number, or a vector of one value per channel shaped to broadcast over NCHW."""
    array = np.asarray(values, np.float32).reshape(-1)
    if array.size == 1:
        return array[0]
    if array.size != call.input_shape[-1]:
        raise call.unsupported(f"a scale of {array.size} values for {call.input_shape[-1]} channels")
    return array.reshape(-1, 1, 1) if len(call.input_shape) == 3 else array


def _check_last_axis(call: LayerCall) -> None:
    """Refuse to normalise over anything but the channels of an image or the values of a vector."""
    axis = call.layer.axis
    axes = list(axis) if isinstance(axis, list | tuple) else [axis]
    rank = len(call.input_shape)
    if axes not in ([-1], [rank]) or rank not in (1, 3):
        raise call.unsupported(f"axis {axes} of an input of shape {call.input_shape}")
