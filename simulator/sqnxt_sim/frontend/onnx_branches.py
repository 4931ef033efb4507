"""Branches of an If whose condition is known: the chosen one takes the place of the node.

PyTorch writes `squeeze`, for example, as an If that asks for the size of an axis. Once shapes are fixed, so is the
branch.
"""

from __future__ import annotations

from onnx import GraphProto, NodeProto, TensorProto, numpy_helper
from onnx.helper import make_node

from sqnxt_sim.frontend.onnx_graph import attributes
from sqnxt_sim.frontend.onnx_operators import operator


def choose_branches(graph: GraphProto, constants: GraphProto) -> bool:
    """Put the chosen branch in the place of every If whose condition is an initializer of `constants`.

    Returns:
        True if any branch was chosen.
    """
    conditions = {
        tensor.name: bool(numpy_helper.to_array(tensor).reshape(-1)[0])
        for tensor in constants.initializer
        if tensor.data_type == TensorProto.BOOL and list(tensor.dims) in ([], [1])
    }
    inlined = GraphProto()
    chosen = False
    for node in graph.node:
        branch = _chosen(node, conditions) if operator(node) == "If" else None
        if branch is None:
            inlined.node.append(node)
        else:
            _inline(node, branch, inlined)
            chosen = True
    if chosen:
        del graph.node[:]
        graph.node.extend(inlined.node)
        graph.initializer.extend(inlined.initializer)
        graph.sparse_initializer.extend(inlined.sparse_initializer)
    return chosen


def _chosen(node: NodeProto, conditions: dict[str, bool]) -> GraphProto | None:
    if not node.input or node.input[0] not in conditions:
        return None
    given = attributes(node).get("then_branch" if conditions[node.input[0]] else "else_branch")
    return given.g if given is not None and len(given.g.output) == len(node.output) else None


def _inline(node: NodeProto, branch: GraphProto, into: GraphProto) -> None:
    """Add the nodes and initializers of a branch; what it defines is renamed, since two branches may share names."""
    stored = [tensor.name for tensor in branch.initializer] + [t.values.name for t in branch.sparse_initializer]
    computed = {name for inner in branch.node for name in inner.output if name}
    prefix = f"{node.output[0]}/"
    names = {name: f"{prefix}{name}" for name in (*stored, *computed)}
    copies = []
    for result, output in zip(branch.output, node.output, strict=True):
        if result.name in computed and names[result.name].startswith(prefix):
            names[result.name] = output
        elif output:
            copies.append((result.name, output))
    for inner in branch.node:
        added = into.node.add()
        added.CopyFrom(inner)
        if inner.name:
            added.name = f"{prefix}{inner.name}"
        _rename(added, names)
    into.node.extend(make_node("Identity", [names.get(name, name)], [output]) for name, output in copies)
    for tensor in branch.initializer:
        into.initializer.add().CopyFrom(tensor)
        into.initializer[-1].name = names[tensor.name]
    for sparse in branch.sparse_initializer:
        into.sparse_initializer.add().CopyFrom(sparse)
        into.sparse_initializer[-1].values.name = names[sparse.values.name]


def _rename(node: NodeProto, names: dict[str, str]) -> None:
    """Rename the tensors of a node, and those of the outer graph that its own branches read."""
    node.input[:] = [names.get(name, name) for name in node.input]
    node.output[:] = [names.get(name, name) for name in node.output]
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            _rename_captured(graph, names)


def _rename_captured(graph: GraphProto, names: dict[str, str]) -> None:
    own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    own |= {name for node in graph.node for name in node.output}
    captured = {name: new for name, new in names.items() if name not in own}
    for node in graph.node:
        _rename(node, captured)
    for value in graph.output:
        value.name = captured.get(value.name, value.name)
