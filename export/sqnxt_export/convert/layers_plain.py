"""Layers without weights: pooling, padding, joining and reshaping."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from sqnxt_export.convert.layer_converters import LayerCall, handles
from sqnxt_export.convert.layers_activations import graph_axis
from sqnxt_export.convert.padding import explicit_pads


@handles(
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "InputLayer",
    "RandomBrightness",
    "RandomContrast",
    "RandomFlip",
    "RandomHeight",
    "RandomRotation",
    "RandomTranslation",
    "RandomWidth",
    "RandomZoom",
    "SpatialDropout2D",
    "StochasticDepth",
)
def identity(call: LayerCall) -> str:
    """Convert a layer that does nothing at inference to no node at all."""
    return call.input


@handles("MaxPooling2D")
def max_pooling(call: LayerCall) -> str:
    """Convert to MaxPool, whose padding is minus infinity and therefore never the maximum."""
    return call.add("MaxPool", [call.input], **_window(call))


@handles("AveragePooling2D")
def average_pooling(call: LayerCall) -> str:
    """Convert to AveragePool over the pixels inside the image, as TensorFlow averages."""
    return call.add("AveragePool", [call.input], count_include_pad=0, **_window(call))


def _window(call: LayerCall) -> dict[str, Any]:
    kernel, strides = list(call.layer.pool_size), list(call.layer.strides)
    pads = explicit_pads(call.layer.padding, call.input_shape[:2], kernel, strides, [1, 1])
    return {"kernel_shape": kernel, "strides": strides, "pads": pads}


@handles("GlobalAveragePooling2D")
def global_average_pooling(call: LayerCall) -> str:
    """Convert to GlobalAveragePool, followed by a Flatten if the result is a vector."""
    return _global_pooling(call, "GlobalAveragePool")


@handles("GlobalMaxPooling2D")
def global_max_pooling(call: LayerCall) -> str:
    """Convert to GlobalMaxPool, followed by a Flatten if the result is a vector."""
    return _global_pooling(call, "GlobalMaxPool")


def _global_pooling(call: LayerCall, op: str) -> str:
    pooled = call.add(op, [call.input])
    return pooled if call.layer.keepdims else call.add("Flatten", [pooled], "/flatten", axis=1)


@handles("ZeroPadding2D")
def zero_padding(call: LayerCall) -> str:
    """Convert to Pad; a later pass moves it into the convolution behind it."""
    (top, bottom), (left, right) = call.layer.padding
    pads = call.constant("pads", np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))
    padded = call.add("Pad", [call.input, pads], mode="constant")
    call.graph.padded[padded] = call.input_shape[0], call.input_shape[1]
    return padded


@handles("Cropping2D")
def cropping(call: LayerCall) -> str:
    """Convert to a Slice over height and width."""
    (top, _), (left, _) = call.layer.cropping
    height, width, _ = call.output_shape
    values = {"starts": [top, left], "ends": [top + height, left + width], "axes": [2, 3]}
    return call.add("Slice", [call.input, *(call.constant(name, np.array(v, np.int64)) for name, v in values.items())])


@handles("UpSampling2D")
def up_sampling(call: LayerCall) -> str:
    """Convert upsampling by whole factors, which repeats pixels or interpolates between their centres."""
    mode = {"nearest": "nearest", "bilinear": "linear"}.get(call.layer.interpolation)
    if mode is None:
        raise call.unsupported(f"interpolation {call.layer.interpolation!r}")
    scales = call.constant("scales", np.array([1, 1, *call.layer.size], np.float32))
    centres = "half_pixel" if mode == "linear" else "asymmetric"
    return call.add(
        "Resize", [call.input, "", scales], mode=mode, coordinate_transformation_mode=centres, nearest_mode="floor"
    )


@handles("Add")
def add(call: LayerCall) -> str:
    """Convert to Add for two inputs and to Sum for more."""
    return _elementwise(call, "Add" if len(call.inputs) == 2 else "Sum")


@handles("Multiply")
def multiply(call: LayerCall) -> str:
    """Convert to a chain of Mul nodes; inputs of 1x1 pixels broadcast over height and width."""
    *first, _ = call.inputs
    product = first[0]
    for number, factor in enumerate(first[1:]):
        product = call.add("Mul", [product, factor], f"/product{number}")
    return _elementwise(replace(call, inputs=[product, call.inputs[-1]]), "Mul")


@handles("Subtract")
def subtract(call: LayerCall) -> str:
    """Convert to Sub, the first input minus the second."""
    return _elementwise(call, "Sub")


@handles("Average")
def average(call: LayerCall) -> str:
    """Convert to Mean of any number of inputs."""
    return _elementwise(call, "Mean")


@handles("Maximum")
def maximum(call: LayerCall) -> str:
    """Convert to Max of any number of inputs."""
    return _elementwise(call, "Max")


@handles("Minimum")
def minimum(call: LayerCall) -> str:
    """Convert to Min of any number of inputs."""
    return _elementwise(call, "Min")


def _elementwise(call: LayerCall, op: str) -> str:
    if len({len(shape) for shape in call.input_shapes}) != 1:
        raise call.unsupported(f"inputs of shapes {call.input_shapes}")
    return call.add(op, call.inputs)


@handles("Concatenate")
def concatenate(call: LayerCall) -> str:
    """Convert to Concat over the axis that corresponds to Keras's."""
    return call.add("Concat", call.inputs, axis=graph_axis(call, call.layer.axis))


@handles("Flatten")
def flatten(call: LayerCall) -> str:
    """Convert to Flatten in Keras's order; a later pass moves the transpose into the dense layer's weights."""
    return call.add("Flatten", [_channels_last(call)], axis=1)


@handles("Reshape")
def reshape(call: LayerCall) -> str:
    """Convert to Reshape in Keras's order, with a transpose back to channels first if the result is an image."""
    shape = call.output_shape
    if math.prod(shape) == max(shape) == max(call.input_shape):  # a single vector in any shape keeps its order
        shape = (shape[2], shape[0], shape[1]) if len(shape) == 3 else shape
        return call.add("Reshape", [call.input, call.constant("shape", np.array([0, *shape], np.int64))])
    target = call.constant("shape", np.array([0, *shape], np.int64))
    output = call.add("Reshape", [_channels_last(call), target])
    return call.add("Transpose", [output], "/nchw", perm=[0, 3, 1, 2]) if len(shape) == 3 else output


@handles("Permute")
def permute(call: LayerCall) -> str:
    """Convert to a Transpose with the axes that correspond to Keras's."""
    dims = list(call.layer.dims)
    if len(dims) != 3:
        return call.add("Transpose", [call.input], perm=[0, *dims])
    height, width, channels = (graph_axis(call, axis) for axis in dims)
    return call.add("Transpose", [call.input], perm=[0, channels, height, width])


def _channels_last(call: LayerCall) -> str:
    if len(call.input_shape) != 3 or call.input_shape[:2] == (1, 1):
        return call.input
    transposed = call.add("Transpose", [call.input], "/nhwc", perm=[0, 2, 3, 1])
    call.graph.flattened[transposed] = call.input_shape
    return transposed
