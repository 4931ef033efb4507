"""Shapes of the tensors of a traced graph, and small questions that its passes ask."""

from __future__ import annotations

from typing import Any

import onnx

Shapes = dict[str, list[int | None]]
"""Tensor -> its sides, None for free ones; tensors of unknown rank are missing."""


def known_shapes(proto: onnx.ModelProto) -> Shapes:
    """Return the shape of every tensor that ONNX can infer."""
    inferred = onnx.shape_inference.infer_shapes(proto, data_prop=True).graph
    values = (*inferred.input, *inferred.value_info, *inferred.output)
    found: Shapes = {
        value.name: [side.dim_value or None for side in value.type.tensor_type.shape.dim]
        for value in values
        if value.type.tensor_type.HasField("shape")
    }
    return found | {tensor.name: list(tensor.dims) for tensor in inferred.initializer}


def permutes(node: onnx.NodeProto, order: list[int]) -> bool:
    """Tell whether a node is a transpose with this permutation."""
    return node.op_type == "Transpose" and list(onnx.helper.get_node_attr_value(node, "perm")) == order


def set_attributes(node: onnx.NodeProto, values: dict[str, Any]) -> None:
    """Give a node these attributes and no others."""
    del node.attribute[:]
    node.attribute.extend(onnx.helper.make_attribute(name, value) for name, value in values.items())
