"""A builder of standard nodes that take the place of one node, for shape inference."""

from __future__ import annotations

from onnx import AttributeProto, NodeProto, TensorProto
from onnx.helper import make_attribute, make_node, make_tensor

from sqnxt_sim.frontend.onnx_graph import attributes, node_name


class NodeBuilder:
    """Builder of the nodes in `made`, the last of which has the outputs of `node`.

    `given` are the attributes of `node`, and `types` the types of the graph's constants.
    """

    def __init__(self, node: NodeProto, types: dict[str, int], opset: int) -> None:
        self.node = node
        self.given = attributes(node)
        self.types = types
        self.opset = opset
        self.made: list[NodeProto] = []

    def shared(self, names: tuple[str, ...]) -> dict[str, object]:
        """Return the node's attributes that the standard operator has too."""
        return {name: a for name, a in self.given.items() if name in names}

    def scale_type(self, index: int, default: int = TensorProto.UINT8) -> int:
        """Return the type of a scale or zero point, which is also the type of the tensor that it belongs to."""
        name = self.node.input[index] if index < len(self.node.input) else ""
        return self.types.get(name, default)

    def to_float(self, name: str) -> str:
        """Add a cast to float32, and return the name of its output."""
        return self.then("Cast", [name], to=TensorProto.FLOAT)

    def channels_first(self, name: str, rank: int) -> str:
        """Add a transposition of a map whose channels are last, and return the name of its output."""
        return self.then("Transpose", [name], perm=[0, rank + 1, *range(1, rank + 1)])

    def channels_last(self, name: str, rank: int) -> None:
        """Add the transposition that puts the channels last as the last node."""
        self.last("Transpose", [name], perm=[0, *range(2, rank + 2), 1])

    def integers(self, values: list[int]) -> str:
        """Add a constant of one axis, and return its name."""
        return self.constant(make_tensor("integers", TensorProto.INT64, [len(values)], values))

    def constant(self, value: TensorProto) -> str:
        """Add a constant, and return its name."""
        return self.then("Constant", [], value=value)

    def then(self, op: str, inputs: list[str], **given: object) -> str:
        """Add a node with an output of its own, and return the name of that output."""
        output = f"{self.node.output[0]}/replacement {len(self.made)}"
        self._add(op, inputs, output, given)
        return output

    def last(self, op: str, inputs: list[str], **given: object) -> None:
        """Add the node whose output takes the place of the original's output."""
        self._add(op, inputs, self.node.output[0], given)

    def _add(self, op: str, inputs: list[str], output: str, given: dict[str, object]) -> None:
        made = make_node(op, inputs, [output], name=node_name(self.node))
        for key, value in given.items():
            made.attribute.append(value if isinstance(value, AttributeProto) else make_attribute(key, value))
        self.made.append(made)
