"""An ONNX graph while it is being built: nodes in order, weights as arrays, names that stay unique."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

_OPSET, _IR_VERSION = 21, 10
"""Operator set 21 is the first with 16-bit Q/DQ nodes; every precision uses it, so that one reader serves all."""
INPUT, _OUTPUT = "input", "logits"
"""Names of the graph's input and output, whatever the model calls them."""


@dataclass
class Graph:
    """Nodes and constants; a tensor carries the name of the node that makes it, but for the graph's output."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    names: set[str] = field(default_factory=lambda: {INPUT, _OUTPUT})
    flattened: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Transposes to channels-last, by name, with the height, width and channels that they were made for."""
    padded: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Outputs of Pad nodes, by name, with the height and width that they pad."""

    def unique(self, name: str) -> str:
        """The name itself, or with a number behind it where it is taken."""
        candidate, number = name, 1
        while candidate in self.names:
            candidate, number = f"{name}_{number}", number + 1
        self.names.add(candidate)
        return candidate

    def add(self, op: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Append a node with one output; the name of that output."""
        output = self.unique(name)
        # A layer may be called like the graph's own input or output: the node keeps the name, its tensor does not.
        node = onnx.helper.make_node(op, inputs, [output], name if name in (INPUT, _OUTPUT) else output, **attributes)
        self.nodes.append(node)
        return output

    def constant(self, name: str, values: Any) -> str:
        """Add a constant tensor, floats as float32; its name."""
        array = np.asarray(values)
        name = self.unique(name)
        self.constants[name] = array.astype(np.float32) if array.dtype.kind == "f" else array
        return name

    def uses(self) -> Counter[str]:
        """How often each tensor is read by a node."""
        return Counter(name for node in self.nodes for name in node.input)

    def remove(self, node: onnx.NodeProto) -> None:
        """Take a node out; whoever read its output reads its first input."""
        self.nodes.remove(node)
        self.redirect(node.output[0], node.input[0])

    def redirect(self, old: str, new: str) -> None:
        """Let every reader of tensor `old` read `new`."""
        for node in self.nodes:
            node.input[:] = [new if name == old else name for name in node.input]

    def model(self, name: str, batch: int | None, image: tuple[int, int, int], output: str) -> onnx.ModelProto:
        """The finished model: input float32 [batch, channels, height, width], output `logits`.

        Args:
            name: The graph's name.
            batch: Images at once, or None for a free batch.
            image: Height, width and channels.
            output: The tensor that becomes `logits`.
        """
        if output == INPUT or output in self.constants:
            output = self.add("Identity", [output], "identity")
        for node in self.nodes:
            node.input[:] = [_OUTPUT if tensor == output else tensor for tensor in node.input]
            node.output[:] = [_OUTPUT if tensor == output else tensor for tensor in node.output]
        height, width, channels = image
        used = self.uses()
        float32 = onnx.TensorProto.FLOAT
        graph = onnx.helper.make_graph(
            self.nodes,
            name,
            [onnx.helper.make_tensor_value_info(INPUT, float32, [batch or "batch", channels, height, width])],
            [onnx.helper.make_tensor_value_info(_OUTPUT, float32, None)],
            [onnx.numpy_helper.from_array(values, key) for key, values in self.constants.items() if key in used],
        )
        return onnx.helper.make_model(
            graph,
            producer_name="sqnxt-export",
            ir_version=_IR_VERSION,
            opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        )
