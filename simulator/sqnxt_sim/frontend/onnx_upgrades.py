"""Nodes of opsets 1 to 6 as nodes of opset 7, for shape inference: onnx infers few shapes of the older ones.

Values do not matter here, only shapes and types.

Source: the changelog of ONNX's operators (docs/Changelog.md of github.com/onnx/onnx).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from onnx import GraphProto, NodeProto, TensorProto
from onnx.helper import make_attribute, make_node, make_tensor

from sqnxt_sim.frontend.onnx_graph import attributes, integer, integers, node_name
from sqnxt_sim.frontend.onnx_operators import ONNX_DOMAINS

# Attributes that said how an operator was run, not what it computes.
_DROPPED = frozenset({"consumed_inputs", "is_test", "broadcast"})
_BINARY = frozenset({"Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "Sub", "Xor"})


def add_upgraded(nodes: Iterable[NodeProto], graph: GraphProto) -> None:
    """Add the nodes to a graph as opset 7 writes them; those of other domains as they are."""
    graph.node.extend(_upgraded(node, graph) if node.domain in ONNX_DOMAINS else node for node in nodes)


def _upgraded(node: NodeProto, graph: GraphProto) -> NodeProto:
    if node.op_type in _BINARY and "axis" in attributes(node):
        # The second operand was broadcast from a given axis on, and the result always had the shape of the first one.
        return _like(node, "Identity", [node.input[0]])
    if node.op_type == "Reshape":
        return _reshape(node, graph)
    rule = _RULES.get(node.op_type)
    made = rule(node) if rule is not None else _like(node, node.op_type, node.input, attributes(node).keys())
    kept = [given for given in made.attribute if given.name not in _DROPPED]
    del made.attribute[:]
    made.attribute.extend(kept)
    return made


def _like(node: NodeProto, op: str, inputs: Iterable[str], kept: Iterable[str] = ()) -> NodeProto:
    """Return a node with the name and the outputs of another one, and with those of its attributes that are named."""
    made = make_node(op, list(inputs), list(node.output), name=node.name)
    names = set(kept)
    made.attribute.extend(given for given in node.attribute if given.name in names)
    return made


def _reshape(node: NodeProto, graph: GraphProto) -> NodeProto:
    """Return a Reshape whose target is an input; before opset 5 it was an attribute."""
    target = integers(attributes(node), "shape")
    if target is None:
        return _like(node, "Reshape", node.input)
    name = f"{node_name(node)}/target"
    graph.initializer.append(make_tensor(name, TensorProto.INT64, [len(target)], target))
    return _like(node, "Reshape", [node.input[0], name])


def _cast(node: NodeProto) -> NodeProto:
    """Return a Cast whose type is a number; before opset 6 it was a word."""
    made, kind = _like(node, "Cast", node.input, ["to"]), attributes(node).get("to")
    if kind is not None and kind.s:
        del made.attribute[:]
        made.attribute.append(make_attribute("to", TensorProto.DataType.Value(kind.s.decode())))
    return made


def _concat(node: NodeProto) -> NodeProto:
    """Return a Concat that says its axis, which was 1 by default before opset 4."""
    made = _like(node, "Concat", node.input)
    made.attribute.append(make_attribute("axis", integer(attributes(node), "axis", 1)))
    return made


def _pad(node: NodeProto) -> NodeProto:
    """Return a Pad whose sizes are `pads`, which were `paddings` before opset 2."""
    made, old = _like(node, "Pad", node.input, ["mode", "pads", "value"]), integers(attributes(node), "paddings")
    if old is not None:
        made.attribute.append(make_attribute("pads", old))
    return made


def _upsample(node: NodeProto) -> NodeProto:
    """Return an Upsample with `scales`, which were a height and a width before opset 7."""
    made, given = _like(node, "Upsample", node.input, ["mode", "scales"]), attributes(node)
    if "scales" not in given and {"height_scale", "width_scale"} <= given.keys():
        made.attribute.append(make_attribute("scales", [1.0, 1.0, given["height_scale"].f, given["width_scale"].f]))
    return made


_RULES: dict[str, Callable[[NodeProto], NodeProto]] = {
    "Cast": _cast,
    "Concat": _concat,
    "Pad": _pad,
    "Upsample": _upsample,
}
