"""ONNX's names of TensorFlow Lite's operators: reports, and the tables of what costs what, speak of ONNX's."""

from __future__ import annotations

from math import prod

from sqnxt_sim.frontend.tflite_graph import TfliteGraph
from sqnxt_sim.frontend.tflite_parts import TfliteOperator

_NAMES = {
    "Abs": "ABS",
    "Add": "ADD",
    "And": "LOGICAL_AND",
    "ArgMax": "ARG_MAX",
    "ArgMin": "ARG_MIN",
    "AveragePool": "AVERAGE_POOL_2D",
    "Cast": "CAST BITCAST",
    "Ceil": "CEIL",
    "Clip": "RELU6 RELU_0_TO_1 RELU_N1_TO_1",
    "Concat": "CONCATENATION PACK",
    "ConstantOfShape": "FILL ZEROS_LIKE",
    "Conv": "CONV_2D CONV_3D DEPTHWISE_CONV_2D",
    "ConvTranspose": "CONV_3D_TRANSPOSE TRANSPOSE_CONV",
    "Cos": "COS",
    "CumSum": "CUMSUM",
    "DepthToSpace": "BATCH_TO_SPACE_ND DEPTH_TO_SPACE",
    "DequantizeLinear": "DEQUANTIZE",
    "Div": "DIV FLOOR_DIV",
    "Elu": "ELU",
    "Equal": "EQUAL NOT_EQUAL",
    "Exp": "EXP",
    "Expand": "BROADCAST_TO",
    "Floor": "FLOOR",
    "Gather": "EMBEDDING_LOOKUP GATHER",
    "GatherND": "GATHER_ND",
    "Gelu": "GELU",
    "Gemm": "FULLY_CONNECTED",
    "Greater": "GREATER",
    "GreaterOrEqual": "GREATER_EQUAL",
    "HardSwish": "HARD_SWISH",
    "Identity": "DENSIFY FAKE_QUANT",
    "If": "IF",
    "LRN": "LOCAL_RESPONSE_NORMALIZATION",
    "LSTM": "BIDIRECTIONAL_SEQUENCE_LSTM LSTM UNIDIRECTIONAL_SEQUENCE_LSTM",
    "LeakyRelu": "LEAKY_RELU",
    "Less": "LESS",
    "LessOrEqual": "LESS_EQUAL",
    "Log": "LOG",
    "LogSoftmax": "LOG_SOFTMAX",
    "Loop": "WHILE",
    "LpNormalization": "L2_NORMALIZATION",
    "LpPool": "L2_POOL_2D",
    "MatMul": "BATCH_MATMUL",
    "Max": "MAXIMUM",
    "MaxPool": "MAX_POOL_2D",
    "Min": "MINIMUM",
    "Mod": "FLOOR_MOD",
    "Mul": "MUL SQUARE",
    "Neg": "NEG",
    "NonMaxSuppression": "NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5",
    "Not": "LOGICAL_NOT",
    "OneHot": "ONE_HOT",
    "Or": "LOGICAL_OR",
    "PRelu": "PRELU",
    "Pad": "MIRROR_PAD PAD PADV2",
    "Pow": "POW",
    "QuantizeLinear": "QUANTIZE",
    "RNN": "BIDIRECTIONAL_SEQUENCE_RNN RNN UNIDIRECTIONAL_SEQUENCE_RNN",
    "Range": "RANGE",
    "ReduceMax": "REDUCE_ANY REDUCE_MAX",
    "ReduceMean": "MEAN",
    "ReduceMin": "REDUCE_ALL REDUCE_MIN",
    "ReduceProd": "REDUCE_PROD",
    "ReduceSum": "SUM",
    "Relu": "RELU",
    "Reshape": "RESHAPE",
    "Resize": "RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR",
    "Round": "ROUND",
    "ScatterND": "SCATTER_ND",
    "Shape": "SHAPE",
    "Sigmoid": "LOGISTIC",
    "Sign": "SIGN",
    "Sin": "SIN",
    "Size": "RANK",
    "Slice": "REVERSE_V2 SLICE STRIDED_SLICE",
    "Softmax": "SOFTMAX",
    "SpaceToDepth": "SPACE_TO_BATCH_ND SPACE_TO_DEPTH",
    "Split": "SPLIT SPLIT_V UNPACK",
    "Sqrt": "RSQRT SQRT",
    "Squeeze": "SQUEEZE",
    "Sub": "SQUARED_DIFFERENCE SUB",
    "Sum": "ADD_N",
    "Tanh": "TANH",
    "Tile": "TILE",
    "TopK": "TOPK_V2",
    "Transpose": "TRANSPOSE",
    "Unsqueeze": "EXPAND_DIMS",
    "Where": "SELECT SELECT_V2",
}
_ONNX_NAMES = {name: onnx for onnx, names in _NAMES.items() for name in names.split()}

_POOLS = frozenset({"AVERAGE_POOL_2D", "L2_POOL_2D", "MAX_POOL_2D"})
VIEWS = frozenset({"EXPAND_DIMS", "RESHAPE", "SQUEEZE"})
"""Operators that only rename or reshape: nothing moves."""
ON_ARRAY = frozenset(
    {
        "BATCH_MATMUL", "BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN", "CONV_2D", "CONV_3D",
        "CONV_3D_TRANSPOSE", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "LSTM", "RNN", "SVDF", "TRANSPOSE_CONV",
        "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN",
    }
)  # fmt: skip
"""Operators that the array runs if it has a model for their shapes."""
PRODUCTS = frozenset(
    {
        "BATCH_MATMUL", "CONV_2D", "CONV_3D", "CONV_3D_TRANSPOSE", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED",
        "TRANSPOSE_CONV",
    }
)  # fmt: skip
"""Those of them that do nothing but multiply and add, so that a scale behind them merges into their weights."""
BRANCHES = frozenset({"CALL", "CALL_ONCE", "IF", "STABLEHLO_CASE", "STABLEHLO_WHILE", "WHILE"})
"""Operators whose work is in other graphs of the file."""

BASIC_LSTM_INPUTS = 5
"""A basic LSTM has one matrix for input and state together, its third input."""
# Slots of options.
_POOL_WIDTH, _POOL_HEIGHT, _LRN_RADIUS = 3, 4, 0


def onnx_name(graph: TfliteGraph, node: TfliteOperator) -> str:
    """Return ONNX's name of a node's operator; TensorFlow Lite's where ONNX has none, a custom one's own."""
    if node.is_custom:
        return node.op or "CUSTOM"
    return "GlobalAveragePool" if node.op == "MEAN" and _is_global(graph, node) else _ONNX_NAMES.get(node.op, node.op)


def window(node: TfliteOperator) -> int:
    """Return the values under the window of a pooling node, the neighbours of an LRN, and 1 for others."""
    if node.op in _POOLS:
        return max(node.option(_POOL_WIDTH), 1) * max(node.option(_POOL_HEIGHT), 1)
    return 2 * max(node.option(_LRN_RADIUS), 0) + 1 if node.op == "LOCAL_RESPONSE_NORMALIZATION" else 1


def interpolation(node: TfliteOperator) -> str:
    """Return the mode of a resizing node in ONNX's word."""
    return "linear" if node.op == "RESIZE_BILINEAR" else "nearest"


def _is_global(graph: TfliteGraph, node: TfliteOperator) -> bool:
    """Tell whether a MEAN is taken over every value of a channel of a map."""
    data, output = graph.shape(graph.operand(node, 0)), graph.shape(graph.result(node))
    return len(data) == 4 and prod(output) == data[0] * data[-1] and output[-1:] == data[-1:]
