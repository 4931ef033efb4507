"""Which tensors of a graph are constant, and a graph for readers that need nothing but its constants."""

from __future__ import annotations

from onnx import ModelProto, NodeProto, TensorProto

from sqnxt_sim.frontend.onnx_graph import OnnxGraph, attributes, integer
from sqnxt_sim.frontend.onnx_operators import ONNX_DOMAINS, operator

_RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)


def constant_names(graph: OnnxGraph) -> frozenset[str]:
    """Return the names of all tensors that do not depend on the network's input.

    Shapes are static here, so values that a graph computes from shapes alone are constant too.
    """
    constants = {*graph.initializers, *graph.sparse_initializers}
    for node in graph.nodes:
        inputs = [name for name in node.input if name]
        known = inputs and all(name in constants for name in inputs)
        if operator(node) in ("Constant", "Shape", "Size") or (known and not _is_unpredictable(node)):
            constants.update(node.output)
    return frozenset(constants)


def _is_unpredictable(node: NodeProto) -> bool:
    """Tell whether constant inputs may give varying outputs: by chance, or by a subgraph that reads the outer graph."""
    return node.op_type in _RANDOM or any(a.type in (a.GRAPH, a.GRAPHS) for a in node.attribute)


def graph_without_shapes(model: ModelProto, name: str) -> OnnxGraph:
    """Return the graph of a model that nothing has checked, without the shapes of its activations.

    A node counts as the producer of its outputs only if its inputs are known before it. So a walk from a tensor to its
    producers ends, even in a file whose nodes feed each other.
    """
    graph = model.graph
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    sparse = {tensor.values.name: tensor for tensor in graph.sparse_initializer}
    types = {tensor.name: int(tensor.data_type) for tensor in graph.initializer}
    known = {*initializers, *sparse, *(value.name for value in graph.input)}
    producers: dict[str, NodeProto] = {}
    for node in graph.node:
        outputs = {output for output in node.output if output} - known
        if all(not needed or needed in known for needed in node.input):
            known |= outputs
            producers.update(dict.fromkeys(outputs, node))
            if (kind := _output_type(node, types)) is not None:
                types.update(dict.fromkeys(outputs, kind))
    return OnnxGraph(
        name=name,
        opset=next((opset.version for opset in model.opset_import if opset.domain in ONNX_DOMAINS), 1),
        nodes=tuple(graph.node),
        inputs=tuple(value.name for value in graph.input if value.name not in initializers),
        outputs=tuple(value.name for value in graph.output),
        initializers=initializers,
        sparse_initializers=sparse,
        shapes={},
        element_types=types,
        producers=producers,
    )


def _output_type(node: NodeProto, types: dict[str, int]) -> int | None:
    """Return the type of the output of the operators that integers pass through; None for others."""
    op, given = operator(node), attributes(node)
    if op == "Constant":
        return int(given["value"].t.data_type) if "value" in given else None
    if op == "QuantizeLinear":
        if len(node.input) > 2 and node.input[2]:
            return types.get(node.input[2])
        return integer(given, "output_dtype", 0) or TensorProto.UINT8
    if op == "Cast":
        return integer(given, "to", 0)
    if op in ("Clip", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze") and node.input:
        return types.get(node.input[0])
    return None
