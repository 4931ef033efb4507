"""Preprocessing inside an ONNX graph of any precision, so that the graph takes raw pixels."""

from __future__ import annotations

import numpy as np
import onnx

from sqnxt_export.artifact.layouts import layouts_of, write_layouts
from sqnxt_export.artifact.preprocessing import Preprocessing
from sqnxt_export.convert.graph import INPUT


def embed_in_onnx(model: onnx.ModelProto, preprocessing: Preprocessing) -> onnx.ModelProto:
    """Return the graph with a uint8 input of raw pixels [batch, height, width, channels].

    The new nodes are a Cast, a Sub of the mean, a Div by the scale, and a Transpose to channels first. A quantised
    graph quantises their result, as it did its float input.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    ready = f"{INPUT}/nchw"
    for node in graph.node:
        node.input[:] = [ready if name == INPUT else name for name in node.input]
    nodes = [onnx.helper.make_node("Cast", [INPUT], [f"{INPUT}/cast"], f"{INPUT}/cast", to=onnx.TensorProto.FLOAT)]
    for op, suffix, values, neutral in (
        ("Sub", "mean", preprocessing.mean, 0.0),
        ("Div", "scale", preprocessing.scale, 1.0),
    ):
        if any(value != neutral for value in values):
            name, tensor = f"{INPUT}/{op.lower()}", f"{INPUT}/{suffix}"
            graph.initializer.append(onnx.numpy_helper.from_array(np.array(values, np.float32), tensor))
            nodes.append(onnx.helper.make_node(op, [nodes[-1].output[0], tensor], [name], name))
    nodes.append(onnx.helper.make_node("Transpose", [nodes[-1].output[0]], [ready], ready, perm=[0, 3, 1, 2]))
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])
    kind = graph.input[0].type.tensor_type
    batch, channels, height, width = list(kind.shape.dim)
    kind.elem_type = onnx.TensorProto.UINT8
    shape = onnx.TensorShapeProto(dim=[batch, height, width, channels])
    kind.shape.CopyFrom(shape)
    kept = dict(layouts_of(result) or {})
    write_layouts(result, {name: len(layout) for name, layout in kept.items() if name != INPUT})
    return result
