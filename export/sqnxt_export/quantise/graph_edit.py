"""Tools to rewrite an ONNX graph: find weights, insert nodes, sort nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export.artifact.opset import with_opset

_CHANNEL_AXES = {"Conv": 0, "Gemm": 0, "ConvTranspose": 1, "MatMul": 1}
"""Operator with weights -> the axis of its weights that is the output channel; a Gemm's weights are transposed."""


def channel_axis(node: onnx.NodeProto) -> int:
    """Return which axis of a weighted node's weights is the output channel, within each group."""
    return _CHANNEL_AXES[node.op_type]


class GraphEdit:
    """A copy of an ONNX model that can be edited.

    Attributes:
        model: The copy.
        graph: Its graph.
        initializers: Its initializers by name.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        self.graph = self.model.graph
        self.initializers = {tensor.name: tensor for tensor in self.graph.initializer}

    def values(self, name: str) -> NDArray[Any]:
        """Return the values of an initializer."""
        values: NDArray[Any] = onnx.numpy_helper.to_array(self.initializers[name])
        return values

    def add_constant(self, name: str, values: Any) -> str:
        """Add an initializer and return its name."""
        tensor = onnx.numpy_helper.from_array(np.asarray(values), name)
        self.graph.initializer.append(tensor)
        self.initializers[name] = tensor
        return name

    def weighted_nodes(self) -> list[onnx.NodeProto]:
        """Return the convolutions and dense layers whose weights are initializers.

        A product with a constant matrix is a dense layer on a sequence or a map.
        """
        return [node for node in self.graph.node if self.is_weighted(node)]

    def is_weighted(self, node: onnx.NodeProto) -> bool:
        """Tell whether a node is one of the `weighted_nodes`."""
        weights = self.initializers.get(node.input[1]) if node.op_type in _CHANNEL_AXES else None
        return weights is not None and (node.op_type != "MatMul" or len(weights.dims) == 2)

    def finish(self, nodes: Iterable[onnx.NodeProto]) -> onnx.ModelProto:
        """Return the model with these nodes, sorted as ONNX requires, and without unused initializers.

        Its operator set is the lowest that they have.
        """
        ordered = _sorted(list(nodes))
        del self.graph.node[:]
        self.graph.node.extend(ordered)
        del self.graph.value_info[:]
        used = {name for node in ordered for name in node.input}
        kept = [tensor for tensor in self.graph.initializer if tensor.name in used]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)
        return with_opset(self.model)


def _sorted(nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Return the nodes in their order, with each node's producers moved right before it if they came later."""
    producers = {name: node for node in nodes for name in node.output}
    result: list[onnx.NodeProto] = []
    done: set[int] = set()

    def place(node: onnx.NodeProto) -> None:
        if id(node) in done:
            return
        done.add(id(node))
        for name in node.input:
            if name in producers:
                place(producers[name])
        result.append(node)

    for node in nodes:
        place(node)
    return result
