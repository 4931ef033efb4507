"""What the simulator makes of the ONNX operators that it does not cost. Those in no table have no model."""

from sqnxt_sim.layers import Uncosted

COSTED = frozenset({"Conv", "Gemm", "MatMul"})
"""Operators that become a `ConvLayer`, where their shape is one that the model knows."""

PASS_WEIGHTS = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""Operators that hand every weight on, so that bits and zeros are those of their input."""

PASS_ACTIVATIONS = PASS_WEIGHTS - {"Cast"} | {"Clip", "Dropout", "MaxPool", "Pad", "Relu"}
"""Operators that leave quantised activations on the grid of their input, so that their bits are known."""

AFFINE = frozenset({"Add", "Div", "Mul", "Sub"})
"""Element by element with a constant they are a bias or a scale; with an activation, work of their own."""

_FOLDED = {
    "scale and shift merge into the layer before": ("BatchNormalization",),
    "applied as results leave the array": (
        "Clip", "Elu", "HardSigmoid", "HardSwish", "LeakyRelu", "PRelu", "Relu", "Selu", "Sigmoid", "Softplus", "Tanh",
        "ThresholdedRelu",
    ),
    "numbers are stored at their own width": ("Cast", "CastLike", "DequantizeLinear", "QuantizeLinear"),
    "only renames or reshapes, nothing moves": (
        "Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze",
    ),
}  # fmt: skip

_NOT_COSTED = {
    "pooling is left out, as in the paper": (
        "AveragePool", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "LpPool", "MaxPool", "ReduceMax",
        "ReduceMean", "ReduceSum",
    ),
    "element by element, left out as in the paper": (
        "Abs", "Add", "Div", "Erf", "Exp", "Gelu", "Log", "Max", "Mean", "Min", "Mish", "Mul", "Neg", "Pow",
        "Reciprocal", "Round", "Sqrt", "Sub", "Sum", "Swish", "Where",
    ),
    "data movement is left out, as in the paper": (
        "Concat", "DepthToSpace", "Expand", "Gather", "Pad", "Resize", "Slice", "SpaceToDepth", "Split", "Tile",
        "Transpose", "Upsample",
    ),
    "normalisation is left out, as in the paper": (
        "ArgMax", "GroupNormalization", "InstanceNormalization", "LRN", "LayerNormalization", "LogSoftmax",
        "LpNormalization", "Softmax", "TopK",
    ),
}  # fmt: skip

UNCOSTED: dict[str, tuple[Uncosted, str]] = {
    op: (why, reason)
    for why, table in ((Uncosted.FOLDED, _FOLDED), (Uncosted.NOT_COSTED, _NOT_COSTED))
    for reason, ops in table.items()
    for op in ops
}
"""Why and for what reason each of these operators of ONNX's own domain is not costed."""
