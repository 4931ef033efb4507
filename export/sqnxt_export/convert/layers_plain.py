"""Layers without weights: activations, pooling, padding, joining and reshaping."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .padding import explicit_pads
from .registry import LayerCall, convert_layer, handles

_ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "elu": ("Elu", {"alpha": 1.0}),
    "exponential": ("Exp", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 0.2, "beta": 0.5}),
    "relu": ("Relu", {}),
    "selu": ("Selu", {}),
    "sigmoid": ("Sigmoid", {}),
    "softmax": ("Softmax", {"axis": 1}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "tanh": ("Tanh", {}),
}


def activate(call: LayerCall, x: str, activation: Any) -> str:
    """The activation that is part of another layer, as a node `<layer>/<activation>`."""
    if hasattr(activation, "get_config"):  # a layer given as the activation
        return convert_layer(
            LayerCall(
                call.graph, activation, f"{call.name}/{activation.name}", [x], [call.output_shape], call.output_shape
            )
        )
    name = getattr(activation, "__name__", "linear")
    return _activation(call, x, name, "" if name == "linear" else f"/{name}")


def _activation(call: LayerCall, x: str, name: str, suffix: str) -> str:
    if name == "linear":
        return x
    if name == "relu6":
        return _clip(call, x, 6.0, suffix)
    if name in ("swish", "silu"):
        return call.add("Mul", [x, call.add("Sigmoid", [x], f"{suffix}/sigmoid")], suffix)
    if name not in _ACTIVATIONS:
        raise call.unsupported(f"activation {name!r}")
    op, attributes = _ACTIVATIONS[name]
    return call.add(op, [x], suffix, **attributes)


def _clip(call: LayerCall, x: str, maximum: float, suffix: str = "") -> str:
    limits = [call.constant("minimum", np.float32(0)), call.constant("maximum", np.float32(maximum))]
    return call.add("Clip", [x, *limits], suffix)


@handles("Activation")
def activation_layer(call: LayerCall) -> str:
    """The node carries the layer's own name."""
    return _activation(call, call.input, call.layer.activation.__name__, "")


@handles("ReLU")
def relu(call: LayerCall) -> str:
    """Plain, capped, or leaky; not two of these at once."""
    layer = call.layer
    slope, threshold = float(layer.negative_slope), float(layer.threshold)
    if threshold or (slope and layer.max_value is not None):
        raise call.unsupported("a threshold, or a slope and a maximum together,")
    if slope:
        return call.add("LeakyRelu", [call.input], alpha=slope)
    if layer.max_value is not None:
        return _clip(call, call.input, float(layer.max_value))
    return call.add("Relu", [call.input])


@handles("LeakyReLU")
def leaky_relu(call: LayerCall) -> str:
    """Slope as given."""
    return call.add("LeakyRelu", [call.input], alpha=float(call.layer.alpha))


@handles("Softmax")
def softmax(call: LayerCall) -> str:
    """Over the channels."""
    if call.layer.axis not in (-1, len(call.input_shape)):
        raise call.unsupported(f"axis {call.layer.axis}")
    return call.add("Softmax", [call.input], axis=1)


@handles("Dropout", "SpatialDropout2D", "GaussianNoise", "InputLayer")
def identity(call: LayerCall) -> str:
    """Nothing at inference."""
    return call.input


@handles("MaxPooling2D")
def max_pooling(call: LayerCall) -> str:
    """Padding never wins: ONNX pads with minus infinity."""
    return call.add("MaxPool", [call.input], **_window(call))


@handles("AveragePooling2D")
def average_pooling(call: LayerCall) -> str:
    """The mean over pixels inside the image, as TensorFlow does."""
    return call.add("AveragePool", [call.input], count_include_pad=0, **_window(call))


def _window(call: LayerCall) -> dict[str, Any]:
    kernel, strides = list(call.layer.pool_size), list(call.layer.strides)
    pads = explicit_pads(call.layer.padding, call.input_shape[:2], kernel, strides, [1, 1])
    return {"kernel_shape": kernel, "strides": strides, "pads": pads}


@handles("GlobalAveragePooling2D")
def global_average_pooling(call: LayerCall) -> str:
    """One node, and a free Flatten where the result is a vector."""
    return _global_pooling(call, "GlobalAveragePool")


@handles("GlobalMaxPooling2D")
def global_max_pooling(call: LayerCall) -> str:
    """One node, and a free Flatten where the result is a vector."""
    return _global_pooling(call, "GlobalMaxPool")


def _global_pooling(call: LayerCall, op: str) -> str:
    pooled = call.add(op, [call.input])
    return pooled if call.layer.keepdims else call.add("Flatten", [pooled], "/flatten", axis=1)


@handles("ZeroPadding2D")
def zero_padding(call: LayerCall) -> str:
    """A Pad node; a later pass moves it into the convolution behind it."""
    (top, bottom), (left, right) = call.layer.padding
    pads = call.constant("pads", np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))
    return call.add("Pad", [call.input, pads], mode="constant")


@handles("Cropping2D")
def cropping(call: LayerCall) -> str:
    """A Slice over height and width."""
    (top, _), (left, _) = call.layer.cropping
    height, width, _ = call.output_shape
    values = {"starts": [top, left], "ends": [top + height, left + width], "axes": [2, 3]}
    return call.add("Slice", [call.input, *(call.constant(name, np.array(v, np.int64)) for name, v in values.items())])


@handles("Add")
def add(call: LayerCall) -> str:
    """Add for two, Sum for more."""
    return _elementwise(call, "Add" if len(call.inputs) == 2 else "Sum")


@handles("Multiply")
def multiply(call: LayerCall) -> str:
    """Two inputs, broadcast over height and width where one is 1x1."""
    if len(call.inputs) != 2:
        raise call.unsupported(f"{len(call.inputs)} inputs")
    return _elementwise(call, "Mul")


@handles("Subtract")
def subtract(call: LayerCall) -> str:
    """First minus second."""
    return _elementwise(call, "Sub")


def _elementwise(call: LayerCall, op: str) -> str:
    if len({len(shape) for shape in call.input_shapes}) != 1:
        raise call.unsupported(f"inputs of shapes {call.input_shapes}")
    return call.add(op, call.inputs)


@handles("Concatenate")
def concatenate(call: LayerCall) -> str:
    """Keras's axis counts with channels last."""
    rank = len(call.input_shape) + 1
    axis = call.layer.axis % rank
    return call.add("Concat", call.inputs, axis={1: 2, 2: 3, 3: 1}[axis] if rank == 4 else axis)


@handles("Flatten")
def flatten(call: LayerCall) -> str:
    """In Keras's order; a later pass moves the transpose into the dense layer's weights."""
    return call.add("Flatten", [_channels_last(call)], axis=1)


@handles("Reshape")
def reshape(call: LayerCall) -> str:
    """In Keras's order, back to channels first where the result is an image."""
    shape = call.output_shape
    if math.prod(shape) == max(shape) == max(call.input_shape):  # one vector, whatever its shape: order is kept
        shape = (max(shape), 1, 1) if len(shape) == 3 else shape
        return call.add("Reshape", [call.input, call.constant("shape", np.array([0, *shape], np.int64))])
    target = call.constant("shape", np.array([0, *shape], np.int64))
    output = call.add("Reshape", [_channels_last(call), target])
    return call.add("Transpose", [output], "/nchw", perm=[0, 3, 1, 2]) if len(shape) == 3 else output


def _channels_last(call: LayerCall) -> str:
    if len(call.input_shape) != 3 or call.input_shape[:2] == (1, 1):
        return call.input
    transposed = call.add("Transpose", [call.input], "/nhwc", perm=[0, 2, 3, 1])
    call.graph.flattened[transposed] = call.input_shape
    return transposed
