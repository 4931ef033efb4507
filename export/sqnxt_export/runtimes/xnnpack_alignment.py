"""The operator of a .tflite file that each of XNNPACK's operators works for.

XNNPACK's profiler tells the operators of a delegated part in the order of execution, by XNNPACK's own names and without
an index into the file. Most operators of the file are one of XNNPACK's with the same meaning. Some are several: an Add
with a fused Relu is an Add and a Clamp, and a hybrid convolution has a Convert in front. Some are none: padding becomes
part of a convolution, a Reshape needs no work. The order is the file's, so the two lists are aligned as texts are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

_MAIN: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        op: frozenset(names)
        for op, names in {
            "ADD": {"Add"},
            "AVERAGE_POOL_2D": {"Average Pooling", "Clamp"},
            "BATCH_MATMUL": {"Batch Matrix Multiply"},
            "CAST": {"Convert"},
            "CEIL": {"Ceiling"},
            "CONCATENATION": {"Copy"},
            "CONV_2D": {"Convolution", "Fully Connected"},
            "COS": {"Cosine"},
            "DEPTH_TO_SPACE": {"Depth To Space"},
            "DEPTHWISE_CONV_2D": {"Convolution"},
            "DEQUANTIZE": {"Convert"},
            "DIV": {"Divide"},
            "EXPAND_DIMS": {"Static Expand Dims", "Copy"},
            "FULLY_CONNECTED": {"Fully Connected", "Dynamic Fully Connected"},
            "HARD_SWISH": {"HardSwish"},
            "LEAKY_RELU": {"LeakyReLU"},
            "LOGISTIC": {"Sigmoid"},
            "MAX_POOL_2D": {"Max Pooling", "Clamp"},
            "MUL": {"Multiply"},
            "NEG": {"Negate"},
            "PAD": {"Constant Pad"},
            "PADV2": {"Constant Pad"},
            "POW": {"Power"},
            "QUANTIZE": {"Convert"},
            "REDUCE_MAX": {"Reduce Max"},
            "REDUCE_MIN": {"Reduce Min"},
            "RELU": {"Clamp"},
            "RELU6": {"Clamp"},
            "RELU_0_TO_1": {"Clamp"},
            "RELU_N1_TO_1": {"Clamp"},
            "RESHAPE": {"Static Reshape", "Copy"},
            "RESIZE_BILINEAR": {"Resize Bilinear"},
            "ROUND": {"Bankders Rounding"},
            "RSQRT": {"Reciprocal Square Root"},
            "SIN": {"Sine"},
            "SPACE_TO_DEPTH": {"Space To Depth"},
            "SPLIT": {"Copy", "Slice"},
            "SQRT": {"Square Root"},
            "SQUARED_DIFFERENCE": {"Squared Difference"},
            "SQUEEZE": {"Static Reshape", "Copy"},
            "STRIDED_SLICE": {"Slice"},
            "SUB": {"Subtract"},
            "TRANSPOSE_CONV": {"Deconvolution"},
        }.items()
    }
)
"""XNNPACK's names of an operator with the same meaning; those of others are its own but for case and underscores."""
_SEVERAL = frozenset({"BATCH_MATMUL", "CONCATENATION", "SPLIT", "SPLIT_V", "UNPACK"})
"""Operators that may be several of XNNPACK's with the same meaning."""
_VANISHING = frozenset(
    {
        "CAST", "CONCATENATION", "DEQUANTIZE", "EXPAND_DIMS", "HARD_SWISH", "LEAKY_RELU", "PAD", "PADV2", "QUANTIZE",
        "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "RESHAPE", "SPLIT", "SQUEEZE",
    }
)  # fmt: skip
"""Operators that need no work of their own, or become part of another."""
_BEFORE = frozenset({"Convert", "Copy", "Constant Pad", "Slice", "Static Reshape", "Transpose"})
"""What may come before an operator's own work, as part of it."""
_AFTER = frozenset({"Clamp", "Copy", "Multiply", "Static Reshape", "Transpose"})
"""What may come behind it."""
_HELPER, _AGAIN, _MISSING, _FOREIGN = 1.0, 3.0, 6.0, 9.0
"""Costs: of a helper at its place, of one more of the same, of an operator that ran nothing, of what fits nowhere."""
_MOST_EXTRA = 4  # of XNNPACK's operators for one of the file, beyond its inputs and outputs
_KEPT = 64  # alignments that are followed at once


def families(operators: Sequence[str]) -> list[str]:
    """Return XNNPACK's names without types and kernels: "Convolution" for "Convolution (NHWC, F32) IGEMM"."""
    return [name.partition(" (")[0].strip() for name in operators]


def aligned(nodes: Sequence[str], most: Sequence[int], operators: Sequence[str]) -> list[int | None]:
    """Return the place in `nodes` for each of XNNPACK's operators; None for one that fits no node there.

    Example: the nodes PAD, CONV_2D, ADD and the operators Convolution, Add, Clamp give [1, 2, 2].

    Args:
        nodes: TensorFlow Lite's names of the operators of a delegated part, in order of execution.
        most: Number of inputs and outputs of each.
        operators: XNNPACK's names.
    """
    names = families(operators)
    costs: dict[int, float] = {0: 0.0}  # operators that are used up -> the least cost of doing so
    steps: list[dict[int, int]] = []  # for each node: operators that are used up after it -> before it
    for node, extra in zip(nodes, most, strict=True):
        found, taken = dict[int, float](), dict[int, int]()
        for start, cost in costs.items():
            for end, own in enumerate(_run_costs(node, names[start : start + extra + _MOST_EXTRA]), start):
                if cost + own < found.get(end, float("inf")):
                    found[end], taken[end] = cost + own, start
        steps.append(taken)
        costs = dict(sorted(found.items(), key=lambda item: (item[1], item[0]))[:_KEPT])
    end = min(costs, key=lambda used: costs[used] + _FOREIGN * (len(names) - used))
    places: list[int | None] = [None] * len(names)
    for place in range(len(nodes) - 1, -1, -1):
        start = steps[place][end]
        for used in range(start, end):
            places[used] = place if _belongs(nodes[place], names[used]) else None
        end = start
    return places


def _run_costs(node: str, names: Sequence[str]) -> list[float]:
    """Return what it costs that a node ran none, the first, the first two, ... of some of XNNPACK's operators."""
    missing = 0.0 if node in _VANISHING else _MISSING
    total, seen, costs = 0.0, False, [missing]
    for name in names:
        if _is_main(node, name) and not seen:
            seen = True
        elif _is_main(node, name):
            total += _HELPER / 2 if node in _SEVERAL else _AGAIN
        elif name in (_AFTER if seen else _BEFORE):
            total += _HELPER
        else:
            total += _AGAIN if _belongs(node, name) else _FOREIGN
        costs.append(total + (0.0 if seen else missing))
    return costs


def _is_main(node: str, name: str) -> bool:
    own = node.replace("_", "").lower()
    return name in _MAIN.get(node, ()) or name.replace(" ", "").lower() == own


def _belongs(node: str, name: str) -> bool:
    return _is_main(node, name) or name in _BEFORE or name in _AFTER
