"""TensorFlow functions that a model may apply between its layers, by the names under which Keras records them.

Two sides use these tables: the loader, which allows files to name these functions and no others, and the converters.
"""

from __future__ import annotations

ARITHMETIC = {
    "__operators__.add": "Add",
    "math.add": "Add",
    "math.divide": "Div",
    "math.maximum": "Max",
    "math.minimum": "Min",
    "math.multiply": "Mul",
    "math.pow": "Pow",
    "math.subtract": "Sub",
    "math.truediv": "Div",
}
"""Function of two operands -> ONNX operator."""

ACTIVATIONS = {
    "math.sigmoid": "sigmoid",
    "math.softplus": "softplus",
    "math.tanh": "tanh",
    "nn.elu": "elu",
    "nn.relu": "relu",
    "nn.relu6": "relu6",
    "nn.selu": "selu",
    "nn.silu": "silu",
}
"""Function -> Keras's name of the activation."""

UNARY = {"math.abs": "Abs", "math.exp": "Exp", "math.negative": "Neg", "math.sqrt": "Sqrt"}
"""Function of one tensor -> ONNX operator."""

POOLING = {"math.reduce_max": "GlobalMaxPool", "math.reduce_mean": "GlobalAveragePool"}
"""Function over height and width -> ONNX operator."""

UNCHANGED = ("identity", "stop_gradient")
"""Functions that do nothing at inference."""

_OTHERS = ("clip_by_value", "concat", "nn.gelu", "nn.leaky_relu")

FUNCTIONS = frozenset((*ARITHMETIC, *ACTIVATIONS, *UNARY, *POOLING, *UNCHANGED, *_OTHERS))
"""All allowed functions: none of them accesses anything outside the graph, or makes large tensors of small ones."""
