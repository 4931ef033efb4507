"""Activations, as layers of their own and as part of other layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from sqnxt_export.convert.layer_converters import LayerCall, convert_layer, handles

_ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "elu": ("Elu", {"alpha": 1.0}),
    "exponential": ("Exp", {}),
    "gelu": ("Gelu", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 0.2, "beta": 0.5}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),
    "mish": ("Mish", {}),
    "relu": ("Relu", {}),
    "selu": ("Selu", {}),
    "sigmoid": ("Sigmoid", {}),
    "softmax": ("Softmax", {}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "tanh": ("Tanh", {}),
}
_CHANNELS_FIRST = {1: 2, 2: 3, 3: 1}
"""Axis of a batch of images in Keras (NHWC) -> axis in the graph (NCHW)."""


def activate(call: LayerCall, x: str, activation: Any) -> str:
    """Add the activation that is part of another layer, as a node `<layer>/<activation>`."""
    if hasattr(activation, "get_config"):  # a layer given as the activation
        return convert_layer(
            LayerCall(
                call.graph, activation, f"{call.name}/{activation.name}", [x], [call.output_shape], call.output_shape
            )
        )
    name = getattr(activation, "__name__", "linear")
    return activation_node(call, x, name, "" if name == "linear" else f"/{name}")


def activation_node(call: LayerCall, x: str, name: str, suffix: str = "") -> str:
    """Add the activation that Keras or TensorFlow calls `name`, as a node `<layer><suffix>`."""
    if name == "linear":
        return x
    if name == "relu6":
        return clip(call, x, 0.0, 6.0, suffix)
    if name in ("swish", "silu"):
        return call.add("Mul", [x, call.add("Sigmoid", [x], f"{suffix}/sigmoid")], suffix)
    if name not in _ACTIVATIONS:
        raise call.unsupported(f"activation {name!r}")
    op, attributes = _ACTIVATIONS[name]
    if op == "Softmax":  # over the channels, which come first in a map and last in a vector or a sequence
        attributes = {"axis": 1 if len(call.output_shape) == 3 else -1}
    return call.add(op, [x], suffix, **attributes)


def clip(call: LayerCall, x: str, minimum: float, maximum: float, suffix: str = "") -> str:
    """Add a Clip between two numbers."""
    limits = [call.constant("minimum", np.float32(minimum)), call.constant("maximum", np.float32(maximum))]
    return call.add("Clip", [x, *limits], suffix)


def graph_axis(call: LayerCall, axis: int) -> int:
    """Return the axis in the graph (channels first) of Keras's `axis` (channels last); the batch is axis 0."""
    rank = len(call.input_shape) + 1
    axis %= rank
    return _CHANNELS_FIRST[axis] if rank == 4 and axis else axis


@handles("Activation")
def activation_layer(call: LayerCall) -> str:
    """Convert an activation layer to a node with the layer's own name."""
    return activation_node(call, call.input, call.layer.activation.__name__)


@handles("ReLU")
def relu(call: LayerCall) -> str:
    """Convert a plain, capped or leaky ReLU; a ReLU that is both capped and leaky is refused."""
    layer = call.layer
    slope, threshold = float(layer.negative_slope), float(layer.threshold)
    if threshold or (slope and layer.max_value is not None):
        raise call.unsupported("a threshold, or a slope and a maximum together,")
    if slope:
        return call.add("LeakyRelu", [call.input], alpha=slope)
    if layer.max_value is not None:
        return clip(call, call.input, 0.0, float(layer.max_value))
    return call.add("Relu", [call.input])


@handles("LeakyReLU")
def leaky_relu(call: LayerCall) -> str:
    """Convert to LeakyRelu with the layer's slope."""
    return call.add("LeakyRelu", [call.input], alpha=float(call.layer.alpha))


@handles("ELU")
def elu(call: LayerCall) -> str:
    """Convert to Elu with the layer's alpha."""
    return call.add("Elu", [call.input], alpha=float(call.layer.alpha))


@handles("ThresholdedReLU")
def thresholded_relu(call: LayerCall) -> str:
    """Convert to ThresholdedRelu, which returns zero up to theta and the value itself above."""
    return call.add("ThresholdedRelu", [call.input], alpha=float(call.layer.theta))


@handles("PReLU")
def prelu(call: LayerCall) -> str:
    """Convert to PRelu, with a slope per value, or per channel if height and width have the same slope."""
    slope = call.layer.alpha.numpy()
    slope = slope.transpose(2, 0, 1) if slope.ndim == 3 else slope
    return call.add("PRelu", [call.input, call.constant("slope", slope)])


@handles("Softmax")
def softmax(call: LayerCall) -> str:
    """Convert a softmax over one axis; several axes are refused."""
    if not isinstance(call.layer.axis, int):
        raise call.unsupported(f"axis {list(call.layer.axis)}")
    return call.add("Softmax", [call.input], axis=graph_axis(call, call.layer.axis))
