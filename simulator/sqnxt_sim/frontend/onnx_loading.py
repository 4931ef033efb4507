"""Loading of an untrusted ONNX file: parse it, fix its free dimensions, check it, and infer its shapes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path

import onnx
from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.frontend.onnx_dimensions import fix_free_dimensions, fix_named
from sqnxt_sim.frontend.onnx_graph import OLDEST_OPSET, OnnxGraph, node_name, old_opset_remedy
from sqnxt_sim.frontend.onnx_operators import CONVOLUTIONS, ONNX_DOMAINS, is_contrib, operator
from sqnxt_sim.frontend.onnx_parsing import load_model, refusing
from sqnxt_sim.frontend.sizes import AS_THEY_ARE, InputSizes

# Shape inference needs the values of small tensors (the target of a Reshape), never those of weights.
_MAX_VALUES_FOR_INFERENCE = 1024
_STEPPED = frozenset(
    {*CONVOLUTIONS, "ConvTranspose", "AveragePool", "LpPool", "MaxPool", "MaxUnpool", "QLinearAveragePool"}
)
# Each round folds one more level of shapes that are computed from shapes. Exporters need a few.
_MAX_FOLDINGS = 256


def load_graph(path: Path, sizes: InputSizes = AS_THEY_ARE) -> OnnxGraph:
    """Read and check an ONNX file.

    Args:
        path: The file; external data must lie in its folder.
        sizes: Sizes of its free dimensions.

    Raises:
        SimulatorError: The file is missing or broken, or a dimension stays free.
    """
    model = load_model(path)
    inputs, skeleton, (shapes, element_types) = _shaped(model, path, sizes)
    while _has_branches(skeleton.graph) and _choose_branches(model.graph, skeleton.graph):
        inputs, skeleton, (shapes, element_types) = _shaped(model, path, sizes)
    nodes = tuple(model.graph.node)
    return OnnxGraph(
        name=path.name,
        opset=_opset(model),
        nodes=nodes,
        inputs=tuple(inputs),
        outputs=tuple(value.name for value in model.graph.output),
        initializers={tensor.name: tensor for tensor in model.graph.initializer},
        sparse_initializers={tensor.values.name: tensor for tensor in model.graph.sparse_initializer},
        shapes=shapes,
        element_types=element_types,
        producers={output: node for node in nodes for output in node.output if output},
    )


def _shaped(
    model: ModelProto, path: Path, sizes: InputSizes
) -> tuple[list[str], ModelProto, tuple[dict[str, tuple[int, ...]], dict[str, int]]]:
    """Return the names of the inputs, the model without its weights, and the shapes and types by tensor name."""
    skeleton = _skeleton(model, path)
    constants = {tensor.name for tensor in model.graph.initializer}
    constants |= {tensor.values.name for tensor in model.graph.sparse_initializer}
    inputs = [value for value in skeleton.graph.input if value.name not in constants]
    named = fix_free_dimensions(inputs, path, sizes)
    for value in skeleton.graph.value_info:
        fix_named(value, named)
    remedy = old_opset_remedy(_opset(model)) or "export it again"
    return [value.name for value in inputs], skeleton, _inferred(skeleton, path, remedy)


def _inferred(skeleton: ModelProto, path: Path, remedy: str) -> tuple[dict[str, tuple[int, ...]], dict[str, int]]:
    """Return the shapes and types that onnx infers, by tensor name."""
    opset = _opset(skeleton)
    with refusing(path, "is not a valid graph", remedy):
        onnx.checker.check_model(skeleton)
    for _ in range(_MAX_FOLDINGS):
        with refusing(path, "has shapes or types that do not fit together", remedy):
            # onnx's own propagation of values (`data_prop`) takes gigabytes where a file asks for a long vector.
            graph = onnx.shape_inference.infer_shapes(skeleton, check_type=True, strict_mode=True).graph
        shapes, types = _shapes_and_types(graph)
        is_complete = all(node.output[0] in shapes for node in graph.node if node.output)
        if is_complete and not _has_branches(skeleton.graph):
            break
        from sqnxt_sim.frontend.onnx_folding import fold_constants

        with refusing(path, "has shapes that cannot be worked out", remedy):
            if not fold_constants(skeleton.graph, shapes, opset):
                break
    return shapes, types


def _opset(model: ModelProto) -> int:
    """Return the version of ONNX's own operators; 1 if the file does not give it, as the first files did."""
    return next((opset.version for opset in model.opset_import if opset.domain in ONNX_DOMAINS), 1)


def _skeleton(model: ModelProto, path: Path) -> ModelProto:
    """Return the model without its weights: large initializers become inputs, so that checks and inference are fast.

    Operators of ONNX Runtime are replaced by ONNX's own of equal shapes. Shapes that the file declares for tensors and
    outputs are used only after operators that onnx does not know. Elsewhere onnx infers them, and refuses declared ones
    that differ, as exporters write them.
    """
    graph = model.graph
    _refuse_steps_of_nothing(graph, path)
    skeleton = GraphProto(name=graph.name or "graph")
    with refusing(path, "has an operator of ONNX Runtime that does not fit its definition"):
        _add_standard_nodes(graph, _opset(model), skeleton)
    unknown = {name for node in skeleton.node if node.domain not in ONNX_DOMAINS for name in node.output}
    inner = [value for value in (*graph.value_info, *graph.output) if value.name in unknown and _is_declared(value)]
    skeleton.value_info.extend(inner)
    inputs = {value.name: value for value in graph.input}
    for tensor in graph.initializer:
        if any(size < 0 for size in tensor.dims):
            raise SimulatorError(path, f"initializer {tensor.name!r} has a negative dimension", "export it again")
        if prod(tensor.dims) <= _MAX_VALUES_FOR_INFERENCE:
            skeleton.initializer.append(tensor)
        else:
            inputs[tensor.name] = _declared(tensor.name, tensor.data_type, tensor.dims)
    for sparse in graph.sparse_initializer:
        inputs[sparse.values.name] = _declared(sparse.values.name, sparse.values.data_type, sparse.dims)
    skeleton.input.extend(inputs.values())
    # Up to IR 3, every initializer had to be an input too, also those that are added here.
    made = ModelProto(ir_version=max(model.ir_version, 4), opset_import=model.opset_import, graph=skeleton)
    for opset in made.opset_import:
        if opset.domain in ONNX_DOMAINS:
            opset.version = max(opset.version, OLDEST_OPSET)
    return made


# The imports in the next functions and above are slow, and few graphs need them.
def _add_standard_nodes(graph: GraphProto, opset: int, skeleton: GraphProto) -> None:
    """Add the nodes of a graph to its skeleton, those of ONNX Runtime and of the oldest opsets in a form of onnx's."""
    nodes: Sequence[NodeProto] = graph.node
    if any(is_contrib(node, opset) for node in nodes):
        from sqnxt_sim.frontend.onnx_contrib import standard_nodes

        nodes = standard_nodes(graph, opset)
    if opset >= OLDEST_OPSET:
        skeleton.node.extend(nodes)
    else:
        from sqnxt_sim.frontend.onnx_upgrades import add_upgraded

        add_upgraded(nodes, skeleton)


def _has_branches(graph: GraphProto) -> bool:
    """Tell whether a graph has an If whose condition may become known."""
    return any(operator(node) == "If" for node in graph.node)


def _choose_branches(graph: GraphProto, constants: GraphProto) -> bool:
    from sqnxt_sim.frontend.onnx_branches import choose_branches

    return choose_branches(graph, constants)


def _refuse_steps_of_nothing(graph: GraphProto, path: Path) -> None:
    """Refuse strides of 0 and the like: older versions of onnx divide by them before they check, and crash."""
    for node in graph.node:
        if node.op_type in _STEPPED:
            for given in node.attribute:
                if given.name in ("strides", "dilations", "kernel_shape") and any(step < 1 for step in given.ints):
                    raise SimulatorError(
                        path, f"node {node_name(node)!r} has {given.name} {list(given.ints)}", "they must be positive"
                    )


def _is_declared(value: ValueInfoProto) -> bool:
    """Tell whether a tensor has a shape and a type, or is no tensor."""
    if value.type.WhichOneof("value") not in (None, "tensor_type"):
        return True
    tensor = value.type.tensor_type
    return tensor.HasField("shape") and tensor.elem_type != 0


def _declared(name: str, data_type: int, dims: Sequence[int]) -> ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, data_type, dims)


def _shapes_and_types(graph: GraphProto) -> tuple[dict[str, tuple[int, ...]], dict[str, int]]:
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    types = {tensor.name: int(tensor.data_type) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        tensor = value.type.tensor_type
        types[value.name] = tensor.elem_type
        dims = tuple(dim.dim_value for dim in tensor.shape.dim)
        if tensor.HasField("shape") and all(size > 0 for size in dims):
            shapes[value.name] = dims
    return shapes, types
