"""TensorFlow functions that are called on Keras tensors, as in `x * 0.5`; Keras records them as TFOpLambda layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sqnxt_export.artifact.keras_functions import ACTIVATIONS, ARITHMETIC, POOLING, UNARY, UNCHANGED
from sqnxt_export.convert.layer_converters import LayerCall, handles
from sqnxt_export.convert.layers_activations import activation_node, clip, graph_axis
from sqnxt_export.convert.layers_normalising import per_channel

_NEGATIVE_SLOPE = 0.2
"""TensorFlow's default slope of a leaky Relu."""


@handles("TFOpLambda")
def tensorflow_function(call: LayerCall) -> str:
    """Convert arithmetic, activations, global pooling and concatenation; refuse other functions by name."""
    name = call.layer.get_config()["function"]
    tables: list[tuple[Any, Callable[[LayerCall, str], str]]] = [
        (ARITHMETIC, _arithmetic),
        (ACTIVATIONS, lambda call, name: activation_node(call, call.input, ACTIVATIONS[name])),
        (UNARY, lambda call, name: call.add(UNARY[name], [call.input])),
        (POOLING, _pooling),
        (UNCHANGED, lambda call, name: call.input),
        (("concat",), _concatenation),
        (("clip_by_value",), _clipping),
        (("nn.gelu",), _gelu),
        (("nn.leaky_relu",), _leaky_relu),
    ]
    for functions, convert in tables:
        if name in functions:
            return convert(call, name)
    raise call.unsupported(f"TensorFlow's function {name!r}")


def _arithmetic(call: LayerCall, name: str) -> str:
    """Convert a function of two operands: tensors of the same rank, numbers, or one value per channel."""
    operands = [_argument(call, position, key) for position, key in enumerate(("x", "y"))]
    if len({len(shape) for shape in call.input_shapes}) != 1:
        raise call.unsupported(f"inputs of shapes {call.input_shapes}")
    inputs = [
        operand if operand in call.inputs else call.constant(key, per_channel(call, operand))
        for key, operand in zip(("x", "y"), operands, strict=True)
    ]
    return call.add(ARITHMETIC[name], inputs)


def _pooling(call: LayerCall, name: str) -> str:
    """Convert a mean or maximum over height and width."""
    axes, kept = _argument(call, 1, "axis"), _argument(call, 2, "keepdims", False)
    if len(call.input_shape) != 3 or not isinstance(axes, list | tuple) or sorted(a % 4 for a in axes) != [1, 2]:
        raise call.unsupported(f"{name} over axes {axes}")
    pooled = call.add(POOLING[name], [call.input])
    return pooled if kept else call.add("Flatten", [pooled], "/flatten", axis=1)


def _concatenation(call: LayerCall, name: str) -> str:
    """Convert a concatenation over any axis."""
    return call.add("Concat", call.inputs, axis=graph_axis(call, int(_argument(call, 1, "axis"))))


def _clipping(call: LayerCall, name: str) -> str:
    """Convert clipping between two numbers."""
    limits = [_argument(call, 1, "clip_value_min"), _argument(call, 2, "clip_value_max")]
    if not all(isinstance(limit, int | float) for limit in limits):
        raise call.unsupported(f"clipping to {limits}")
    return clip(call, call.input, *limits)


def _gelu(call: LayerCall, name: str) -> str:
    """Convert GELU, in its exact form or with the hyperbolic tangent."""
    approximate = "tanh" if _argument(call, 1, "approximate", False) else "none"
    return call.add("Gelu", [call.input], approximate=approximate)


def _leaky_relu(call: LayerCall, name: str) -> str:
    """Convert to LeakyRelu with the call's slope."""
    return call.add("LeakyRelu", [call.input], alpha=float(_argument(call, 1, "alpha", _NEGATIVE_SLOPE)))


def _argument(call: LayerCall, position: int, key: str, default: Any = None) -> Any:
    """Return an argument of the recorded call: a tensor's name, a number, or nested lists of numbers."""
    value = call.keywords.get(key, default)
    if position < len(call.arguments):
        value = call.arguments[position]
    return (
        value.numpy().tolist() if hasattr(value, "numpy") else np.asarray(value).tolist() if _numbers(value) else value
    )


def _numbers(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic)
