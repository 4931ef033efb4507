"""The largest values that operators can return by definition, so that no headroom is spent beyond them."""

from __future__ import annotations

import numpy as np

from sqnxt_export.quantise.graph_edit import GraphEdit

_BOUNDED_BY_ONE = ("Sigmoid", "HardSigmoid", "Softmax", "Tanh")
_NOT_ENLARGING = (
    "MaxPool",
    "GlobalMaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "Flatten",
    "Reshape",
    "Transpose",
    "Slice",
)
"""Operators whose output is no larger than their input, zero padding included."""


def largest_magnitudes(edit: GraphEdit) -> dict[str, float]:
    """Return the largest possible magnitude of each bounded tensor, by name.

    Worked example: after Clip(-1, 6) and a MaxPool, both outputs are bounded by 6.
    """
    found: dict[str, float] = {}
    for node in edit.graph.node:
        if node.op_type == "Clip" and len(node.input) == 3 and all(node.input):
            found[node.output[0]] = max(float(np.abs(edit.values(limit)).max()) for limit in node.input[1:])
        elif node.op_type in _BOUNDED_BY_ONE:
            found[node.output[0]] = 1.0
        elif node.op_type in _NOT_ENLARGING and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found
