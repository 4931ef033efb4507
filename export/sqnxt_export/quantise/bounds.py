"""What an operator bounds by itself, so that no headroom is spent on values that cannot come."""

from __future__ import annotations

import numpy as np

from sqnxt_export.quantise.graph_edit import GraphEdit

_OF_ONE = ("Sigmoid", "HardSigmoid", "Softmax", "Tanh")
_ADDS_NOTHING = (
    "MaxPool",
    "GlobalMaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "Flatten",
    "Reshape",
    "Transpose",
    "Slice",
)
"""Operators whose output is no larger than their input; padding them with zeros makes it no larger either."""


def largest_magnitudes(edit: GraphEdit) -> dict[str, float]:
    """The largest magnitude that a tensor can have, by its name; tensors that nothing bounds are left out."""
    found: dict[str, float] = {}
    for node in edit.graph.node:
        if node.op_type == "Clip" and len(node.input) == 3 and all(node.input):
            found[node.output[0]] = max(float(np.abs(edit.values(limit)).max()) for limit in node.input[1:])
        elif node.op_type in _OF_ONE:
            found[node.output[0]] = 1.0
        elif node.op_type in _ADDS_NOTHING and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found
