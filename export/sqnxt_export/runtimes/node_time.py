"""The time of one node of a file, as a runtime's own profiler measured it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NodeTime:
    """The time of one node of the file.

    Attributes:
        index: Index of the node in the file's graph; None for an operator that the runtime added, such as a change of
            layout.
        name: The node's name, or its first output's if it has none; the operator if `index` is None.
        op: The operator that ran, as in "QLinearConv" for a Conv between Q/DQ nodes; ONNX's name of it for a .tflite
            file.
        milliseconds: Time of each run, float64 [runs], with a resolution of 1 µs.
        kernels: XNNPACK's names of the operators that ran for it, in order; empty for an .onnx file.
        fused: Names of other nodes that have no time of their own, since the runtime made them part of this one; empty
            for an .onnx file, where the profiler names only one node of those that were fused.
    """

    index: int | None
    name: str
    op: str
    milliseconds: NDArray[np.float64]
    kernels: tuple[str, ...] = ()
    fused: tuple[str, ...] = ()
