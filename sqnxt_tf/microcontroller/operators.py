"""How TensorFlow Lite Micro's `MicroMutableOpResolver` registers each operator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqnxt_tf.errors import SqnxtError

_METHODS = """
AddAbs AddAdd AddAddN AddArgMax AddArgMin AddAssignVariable AddAveragePool2D AddBatchMatMul AddBatchToSpaceNd
AddBroadcastArgs AddBroadcastTo AddCallOnce AddCast AddCeil AddConcatenation AddConv2D AddCos AddCumSum
AddDepthToSpace AddDepthwiseConv2D AddDequantize AddDiv AddDynamicUpdateSlice AddElu AddEmbeddingLookup AddEqual
AddExp AddExpandDims AddFill AddFloor AddFloorDiv AddFloorMod AddFullyConnected AddGather AddGatherNd AddGreater
AddGreaterEqual AddHardSwish AddIf AddL2Normalization AddL2Pool2D AddLeakyRelu AddLess AddLessEqual AddLog
AddLogSoftmax AddLogicalAnd AddLogicalNot AddLogicalOr AddLogistic AddMaxPool2D AddMaximum AddMean AddMinimum
AddMirrorPad AddMul AddNeg AddNotEqual AddPack AddPad AddPadV2 AddPrelu AddQuantize AddReadVariable AddReduceAll
AddReduceMax AddReduceMin AddRelu AddRelu6 AddReshape AddResizeBilinear AddResizeNearestNeighbor AddReverseV2 AddRound
AddRsqrt AddSelectV2 AddShape AddSin AddSlice AddSoftmax AddSpaceToBatchNd AddSpaceToDepth AddSplit AddSplitV AddSqrt
AddSquare AddSquaredDifference AddSqueeze AddStridedSlice AddSub AddSum AddSvdf AddTanh AddTranspose AddTransposeConv
AddUnidirectionalSequenceLSTM AddUnpack AddVarHandle AddWhile AddZerosLike
"""


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


METHODS = {_folded(method.removeprefix("Add")): method for method in _METHODS.split()}
"""The schema's name of an operator, in lower case and without underscores -> the resolver's method."""


def resolver_methods(path: Path, operators: Sequence[str]) -> tuple[str, ...]:
    """Return the resolver's method for each operator of a model, sorted.

    Raises:
        SqnxtError: TFLM has no such operator.
    """
    unknown = [name for name in operators if _folded(name) not in METHODS]
    if unknown:
        raise SqnxtError(
            path, f"uses {unknown[0]}, which TensorFlow Lite Micro has not", "export it without that layer"
        )
    return tuple(sorted(METHODS[_folded(name)] for name in operators))
