"""Tables of what the simulator does with each ONNX operator. An operator in no table has no cost model.

The names are those of ONNX's own operators and of those that ONNX Runtime adds, such as quantised forms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqnxt_sim.workload import OffArrayReason

if TYPE_CHECKING:
    from onnx import NodeProto

ONNX_DOMAINS = ("", "ai.onnx")
CONTRIB_DOMAIN = "com.microsoft"
"""Domain of the operators that ONNX Runtime adds."""

_KNOWN_DOMAINS = frozenset((*ONNX_DOMAINS, CONTRIB_DOMAIN))
# The opset in which ONNX first defines an operator that ONNX Runtime takes in ONNX's domain.
_SINCE = {"LayerNormalization": 17, "SimplifiedLayerNormalization": 2**31}


class Operands(NamedTuple):
    """Input numbers of an operator's data, its weights and, for integers, the zero point of the weights.

    `axis` is that of the output channels in the weights, each of which may have a zero point of its own.
    """

    data: int = 0
    weights: int = 1
    zero_point: int | None = None
    axis: int = 0


CONVOLUTIONS = {
    "Conv": Operands(),
    "ConvInteger": Operands(zero_point=3),
    "FusedConv": Operands(),
    "NhwcConv": Operands(),
    "NhwcFusedConv": Operands(),
    "QLinearConv": Operands(weights=3, zero_point=5),
}
"""Operators that become a `ConvLayer` if they have one to three dimensions."""

TRANSPOSED = {"ConvTranspose": Operands(axis=1)}
"""Transposed convolutions, which become a `ConvLayer` for each phase of their stride."""

DENSE = {
    "DynamicQuantizeMatMul": Operands(zero_point=3, axis=-1),
    "FusedGemm": Operands(axis=-1),
    "FusedMatMul": Operands(axis=-1),
    "Gemm": Operands(axis=-1),
    "GemmFastGelu": Operands(axis=-1),
    "MatMul": Operands(axis=-1),
    "MatMulInteger": Operands(zero_point=3, axis=-1),
    "MatMulInteger16": Operands(axis=-1),
    "MatMulIntegerToFloat": Operands(zero_point=5, axis=-1),
    "MatMulNBits": Operands(zero_point=3, axis=-1),
    "QGemm": Operands(weights=3, zero_point=5, axis=-1),
    "QLinearMatMul": Operands(weights=3, zero_point=5, axis=-1),
    "TransposeMatMul": Operands(axis=-1),
}
"""Matrix products. The second matrix holds the weights if it is constant; otherwise see `SWAPPED`."""

SWAPPED = {
    **dict.fromkeys(
        ("FusedGemm", "FusedMatMul", "Gemm", "MatMul", "TransposeMatMul"), Operands(data=1, weights=0, axis=-2)
    ),
    "MatMulInteger": Operands(data=1, weights=0, zero_point=2, axis=-2),
    "QLinearMatMul": Operands(data=3, weights=0, zero_point=2, axis=-2),
    "Einsum": Operands(data=1, weights=0),
}
"""Matrix products whose first matrix may hold the weights."""

RECURRENT = {
    **dict.fromkeys(("GRU", "LSTM", "RNN"), (Operands(weights=1, axis=1), Operands(weights=2, axis=1))),
    "DynamicQuantizeLSTM": (
        Operands(weights=1, zero_point=9, axis=-1),
        Operands(weights=2, zero_point=11, axis=-1),
    ),
}
"""Recurrent operators, each with weights of its input and of its hidden state."""

ATTENTION = frozenset({"Attention", "GroupQueryAttention", "MultiHeadAttention", "QAttention"})
"""Attention in one operator."""

PROJECTED_ATTENTION = {
    "Attention": Operands(axis=-1),
    "QAttention": Operands(zero_point=7, axis=-1),
}
"""Attention of ONNX Runtime that projects its input to queries, keys and values itself.

ONNX has an Attention of its own, without weights.
"""

PASS_ACTIVATIONS = frozenset(
    {
        "Clip", "Dropout", "Flatten", "Identity", "MaxPool", "Pad", "Relu", "Reshape", "Squeeze", "Transpose",
        "Unsqueeze",
    }
)  # fmt: skip
"""Operators whose output has the quantisation of their input, so that its bits are known."""

AFFINE = {
    **dict.fromkeys(("Add", "Div", "Mul", "Sub"), (0, 1)),
    **dict.fromkeys(("QLinearAdd", "QLinearMul"), (0, 3)),
}
"""Operators of two operands (input numbers): a bias or scale if one is constant."""

NORMALISATION = "BatchNormalization"
"""The operator that scales and shifts each channel by constants."""

WITH_BRANCHES = frozenset({"If", "Loop", "Scan", "SequenceMap"})
"""Operators whose branches or loop bodies read the outer graph."""

LIKE_THEIR_INPUT = frozenset(
    {
        "BiasGelu",
        "FastGelu",
        "Gelu",
        "LayerNormalization",
        "QLinearLeakyRelu",
        "QLinearSigmoid",
        "QLinearSoftmax",
        "QuickGelu",
        "SimplifiedLayerNormalization",
    }
)
"""Operators of ONNX Runtime whose output has the shape and the type of their first input."""

VIEWS = frozenset({"Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
"""Operators whose output is their input under another name or shape."""

_FOLDED = {
    "applied as results leave the array": (
        "Celu", "Clip", "Elu", "HardSigmoid", "HardSwish", "LeakyRelu", "PRelu", "QLinearLeakyRelu", "QLinearSigmoid",
        "Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Tanh", "ThresholdedRelu",
    ),
    "numbers are stored at their own width": ("Cast", "CastLike", "DequantizeLinear", "QuantizeLinear"),
    "only renames or reshapes, nothing moves": tuple(sorted(VIEWS)),
}  # fmt: skip

_NOT_COSTED = {
    "pooling is left out, as in the paper": (
        "AveragePool", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "LpPool", "MaxPool", "NhwcMaxPool",
        "QLinearAveragePool", "QLinearGlobalAveragePool", "QLinearReduceMean", "ReduceL1", "ReduceL2", "ReduceMax",
        "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare",
    ),
    "element by element, left out as in the paper": (
        "Abs", "Add", "And", "BatchNormalization", "BiasGelu", "Ceil", "Cos", "Div", "DynamicQuantizeLinear", "Equal",
        "Erf", "Exp", "FastGelu", "Floor", "Gelu", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Log", "Max",
        "Mean", "Min", "Mish", "Mod", "Mul", "Neg", "Not", "Or", "Pow", "QLinearAdd", "QLinearMul", "QLinearWhere",
        "QuickGelu", "Reciprocal", "Round", "Sign", "Sin", "Sqrt", "Sub", "Sum", "Swish", "Where", "Xor",
    ),
    "data movement is left out, as in the paper": (
        "Concat", "DepthToSpace", "Expand", "Gather", "GatherElements", "GatherND", "Pad", "QLinearConcat", "Resize",
        "Slice", "SpaceToDepth", "Split", "Tile", "Transpose", "Upsample",
    ),
    "normalisation is left out, as in the paper": (
        "ArgMax", "ArgMin", "GroupNormalization", "Hardmax", "InstanceNormalization", "LRN", "LayerNormalization",
        "LogSoftmax", "LpNormalization", "MeanVarianceNormalization", "QLinearSoftmax", "RMSNormalization",
        "SimplifiedLayerNormalization", "Softmax", "TopK",
    ),
}  # fmt: skip

OFF_ARRAY: dict[str, tuple[OffArrayReason, str]] = {
    op: (why, reason)
    for why, table in ((OffArrayReason.FOLDED, _FOLDED), (OffArrayReason.NOT_COSTED, _NOT_COSTED))
    for reason, ops in table.items()
    for op in ops
}
"""Why the array does not run each of these operators: the category, and the reason in words."""


def operator(node: NodeProto | None) -> str:
    """Return the node's operator as these tables name it; empty for no node and for operators of other domains."""
    return "" if node is None or node.domain not in _KNOWN_DOMAINS else node.op_type


def is_contrib(node: NodeProto, opset: int) -> bool:
    """Tell whether ONNX Runtime defines the operator: in its own domain, or in ONNX's if ONNX does not (yet)."""
    return node.domain == CONTRIB_DOMAIN or (node.op_type in _SINCE and opset < _SINCE[node.op_type])


def weight_operands(node: NodeProto) -> tuple[Operands, ...]:
    """Return the operands of a node that may hold weights: kernels and matrices, no biases, slopes or scales."""
    op = operator(node)
    if op in RECURRENT:
        return RECURRENT[op]
    if op in PROJECTED_ATTENTION:
        return (PROJECTED_ATTENTION[op],) if node.domain == CONTRIB_DOMAIN else ()
    if op == "Einsum":
        return (Operands(),)
    one = CONVOLUTIONS.get(op) or TRANSPOSED.get(op) or DENSE.get(op)
    return (one,) if one else ()
