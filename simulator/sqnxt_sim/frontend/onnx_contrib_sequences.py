"""Standard operators in place of attention and recurrent operators of ONNX Runtime, for shape inference.

Source: docs/ContribOperators.md of github.com/microsoft/onnxruntime.
"""

from __future__ import annotations

from onnx.helper import make_attribute, make_node

from sqnxt_sim.frontend.onnx_graph import integers, node_name
from sqnxt_sim.frontend.onnx_node_builder import NodeBuilder


def projected_attention(build: NodeBuilder) -> None:
    """Replace attention that projects its input by the projection to the values, which has the shape of its output."""
    inputs, hidden = build.node.input, integers(build.given, "qkv_hidden_sizes")
    data, weights = inputs[0], inputs[1]
    if build.node.op_type == "QAttention":
        data, weights = build.to_float(data), build.to_float(weights)
    if hidden is None:
        # Queries, keys and values are a third of the columns each.
        thirds = [f"{build.node.output[0]}/third {place}" for place in range(3)]
        split = make_node("Split", [weights], thirds, name=node_name(build.node), axis=1)
        if build.opset >= 18:
            split.attribute.append(make_attribute("num_outputs", 3))
        build.made.append(split)
        weights = thirds[2]
    else:
        weights = build.then("Slice", [weights, *(build.integers([value]) for value in (0, hidden[-1], 1))])
    build.last("MatMul", [data, weights])


def attention(build: NodeBuilder) -> None:
    """Replace attention by its queries, whose shape its output has; where one input holds all, by a part of that."""
    inputs = build.node.input
    if len(inputs) > 1 and inputs[1]:
        build.last("Identity", [inputs[0]])
    elif build.node.op_type == "MultiHeadAttention":
        # [batch, positions, heads, 3, channels]
        part = build.then("Gather", [inputs[0], build.integers([0])], axis=3)
        build.last("Reshape", [part, build.integers([0, 0, -1])])
    else:
        build.made.append(build.node)


def lstm(build: NodeBuilder) -> None:
    """Replace a DynamicQuantizeLSTM, whose weights are integers and transposed."""
    inputs = build.node.input
    weights = [build.then("Transpose", [build.to_float(name)], perm=[0, 2, 1]) for name in inputs[1:3]]
    made = make_node("LSTM", [inputs[0], *weights, *inputs[3:8]], build.node.output, name=node_name(build.node))
    made.attribute.extend(build.node.attribute)
    build.made.append(made)
