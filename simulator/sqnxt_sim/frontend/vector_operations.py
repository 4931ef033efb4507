"""Number of operations that an operator does on single values, by its ONNX name; the same for every file format."""

from __future__ import annotations

from math import prod

_WINDOWS = frozenset({"AveragePool", "LpPool", "MaxPool", "NhwcMaxPool", "QLinearAveragePool"})
"""Operators with one operation for each value under the window, padding included, for each output."""

_PASSES = {
    **dict.fromkeys(("GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "QLinearGlobalAveragePool"), 1),
    **dict.fromkeys(("QLinearReduceMean", "ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin"), 1),
    **dict.fromkeys(("ArgMax", "ArgMin", "Hardmax", "ReduceProd", "ReduceSum", "ReduceSumSquare", "TopK"), 1),
    # scale, shift
    "BatchNormalization": 2,
    # smallest, largest, scale, round
    "DynamicQuantizeLinear": 4,
    # square, sum, divide
    "LpNormalization": 3,
    # square, sum, scale, gain
    **dict.fromkeys(("RMSNormalization", "SimplifiedLayerNormalization"), 4),
    # largest, subtract, exponential, sum, divide
    **dict.fromkeys(("LogSoftmax", "QLinearSoftmax", "Softmax"), 5),
    # sum, subtract, square, sum, scale
    "MeanVarianceNormalization": 5,
    # the same, then gain and bias
    **dict.fromkeys(("GroupNormalization", "InstanceNormalization", "LayerNormalization"), 7),
}
"""Operations for each input value."""

_MOVES = frozenset(
    {
        "Concat", "DepthToSpace", "Expand", "Gather", "GatherElements", "GatherND", "Pad", "QLinearConcat", "Slice",
        "SpaceToDepth", "Split", "Tile", "Transpose",
    }
)  # fmt: skip
"""Operators that move values and compute none."""

PICKS = frozenset({"Gather", "GatherElements", "GatherND", "Slice"})
"""Operators that read no more of their data than they write."""

_TAPS = {"linear": 2, "bilinear": 2, "cubic": 4}
"""Number of values that one output is interpolated from, along each axis that changes."""


def count_operations(
    op: str, data: tuple[int, ...], output: tuple[int, ...], *, activations: int, window: int = 1, mode: str = "nearest"
) -> int:
    """Return the operations of a node for the whole batch.

    An operator that is in no table works element by element: with n activations it does n - 1 operations for each
    output, and with a single activation one.

    Args:
        op: The ONNX operator.
        data: Shape of its first activation.
        output: Shape of its first output.
        activations: Number of inputs that are not constant.
        window: Values under the window of a pooling operator, or neighbours of an LRN.
        mode: Interpolation of a Resize.

    Example: a 3x3 MaxPool with 1000 outputs does 9000 operations, and an Add of two tensors of 1000 values 1000.
    """
    written = prod(output)
    if op in _MOVES:
        return 0
    if op in _WINDOWS:
        return written * window
    if op in _PASSES:
        return _PASSES[op] * prod(data)
    if op == "LRN":
        # square, sum over the neighbours, power, divide
        return (window + 3) * written
    if op in ("Resize", "Upsample"):
        changed = sum(before != after for before, after in zip(data, output, strict=True))
        taps = _TAPS.get(mode, 0)
        return int(written * taps**changed) if taps else 0
    return written * max(activations - 1, 1)
