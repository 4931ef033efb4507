"""Names of Keras layers for the nodes of a traced graph, whose names are paths of scopes that end in an operation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import onnx

from sqnxt_export.convert.graph import Graph, rename_inputs

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU")
_MOVING = ("Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze")
_INPUT_ROLES = ("", "kernel", "bias")


def name_after_layers(graph: Graph, model: Any, reserved: set[str]) -> Graph:
    """Return the graph with nodes called `<layer>` or `<layer>/<role>`, as the layer converter calls them.

    The node with a layer's weights has the layer's own name; without any, the layer's last node has it. Where a model's
    layers are not known, as in a SavedModel, the scopes stand in their place.

    Args:
        graph: The graph; names of tensors inside loops and branches are kept.
        model: The model.
        reserved: Names of the inputs and outputs.
    """
    layers = set(_paths(model, ""))
    places = [_place(node.name, layers) for node in graph.nodes]
    shared = _common_scope([place for place, known in places if not known])
    owners = [place if known else "/".join(place.split("/")[shared:]) or place for place, known in places]
    renamed = Graph(nodes=graph.nodes, outputs=graph.outputs, names=set(reserved), padded=graph.padded)
    tensors = {name: name for name in reserved}
    taken: set[str] = set()
    for node, title in zip(graph.nodes, list(_titles(graph, owners)), strict=True):
        # A layer may have the name of an input or output: its node keeps the name, its tensor gets another.
        tensor = renamed.unique(title)
        node.name = title if title in reserved and title not in taken else tensor
        taken.add(node.name)
        for number, output in enumerate(node.output):
            if output:
                tensors[output] = tensor if number == 0 else renamed.unique(f"{tensor}/output{number}")
    _rename_constants(graph, renamed, tensors)
    for node in graph.nodes:
        rename_inputs(node, tensors)
        node.output[:] = [tensors.get(name, name) for name in node.output]
    renamed.outputs = [tensors.get(name, name) for name in graph.outputs]
    return renamed


def _rename_constants(graph: Graph, renamed: Graph, tensors: dict[str, str]) -> None:
    for node in graph.nodes:
        for number, name in enumerate(node.input):
            if name in graph.constants and name not in tensors:
                weighted = node.op_type in WEIGHTED and number < len(_INPUT_ROLES)
                role = (weighted and _INPUT_ROLES[number]) or f"constant{number}"
                tensors[name] = renamed.unique(f"{node.name}/{role}")
    for name, values in graph.constants.items():
        renamed.constants[tensors.get(name) or renamed.unique(name)] = values


def _titles(graph: Graph, owners: list[str]) -> Iterator[str]:
    """Yield a name for each node: the owner's for its main node, with the operation behind it for the others."""
    main: dict[str, onnx.NodeProto] = {}
    for node, owner in zip(graph.nodes, owners, strict=True):
        if owner not in main or _weight(graph, node) >= _weight(graph, main[owner]):
            main[owner] = node
    for node, owner in zip(graph.nodes, owners, strict=True):
        yield owner if main[owner] is node else f"{owner}/{_role(node)}"


def _weight(graph: Graph, node: onnx.NodeProto) -> int:
    """Return how much a node is the one that its layer is there for."""
    if node.op_type in WEIGHTED and any(name in graph.constants for name in node.input[1:]):
        return 2
    return int(node.op_type not in _MOVING)


def _role(node: onnx.NodeProto) -> str:
    """Return TensorFlow's name of an operation, without the number that makes it unique; ONNX's if it is not plain."""
    name = re.sub(r"_+[0-9]+$", "", node.name.partition(":")[0].rpartition("/")[2])
    return name.lower() if name.isalpha() and node.op_type not in _MOVING else node.op_type.lower()


def _paths(model: Any, prefix: str) -> Iterator[str]:
    """Yield the path of every layer of a functional model, with the names of the models around it."""
    for layer in getattr(model, "layers", ()) if getattr(model, "_is_graph_network", False) else ():
        yield f"{prefix}{layer.name}"
        yield from _paths(layer, f"{prefix}{layer.name}/")


def _place(name: str, layers: set[str]) -> tuple[str, bool]:
    """Return the layer whose path is in a node's name, the longest if several are; else the node's own scope."""
    parts = name.partition(":")[0].split("/")
    for length in range(len(parts), 0, -1):
        for start in range(len(parts) - length + 1):
            if (path := "/".join(parts[start : start + length])) in layers:
                return path, True
    return "/".join(parts[:-1]) or parts[0], False


def _common_scope(places: list[str]) -> int:
    """Return how many scopes all places have in common at their beginning."""
    paths = [place.split("/") for place in places if "/" in place]
    count = 0
    while len(paths) > 1 and len(Counter(path[count] if count < len(path) - 1 else None for path in paths)) == 1:
        if count >= len(paths[0]) - 1:
            break
        count += 1
    return count
