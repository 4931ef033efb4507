"""An ONNX graph while it is being built: nodes in order, weights as arrays, unique names."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

_OPSET, _IR_VERSION = 21, 10
"""Converters write nodes as operator set 21 has them; `to_onnx` then relabels the graph for the lowest that fits."""
INPUT, _OUTPUT = "input", "logits"
"""Names of the graph's input and output, independent of the model's names."""


@dataclass
class Graph:
    """The nodes and constants of a graph. Each tensor has the name of the node that computes it, except the output."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    names: set[str] = field(default_factory=lambda: {INPUT, _OUTPUT})
    flattened: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Name of each transpose to channels-last -> height, width and channels of its input."""
    padded: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Output of each Pad node -> height and width of its input."""

    def unique(self, name: str) -> str:
        """Reserve a name and return it, with a number appended if it is taken."""
        candidate, number = name, 1
        while candidate in self.names:
            candidate, number = f"{name}_{number}", number + 1
        self.names.add(candidate)
        return candidate

    def add(self, op: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Append a node with one output, and return the name of that output."""
        output = self.unique(name)
        # A layer may have the name of the graph's input or output: its node keeps the name, its tensor gets another.
        node = onnx.helper.make_node(op, inputs, [output], name if name in (INPUT, _OUTPUT) else output, **attributes)
        self.nodes.append(node)
        return output

    def constant(self, name: str, values: Any) -> str:
        """Add a constant tensor, floats as float32, and return its name."""
        array = np.asarray(values)
        name = self.unique(name)
        self.constants[name] = array.astype(np.float32) if array.dtype.kind == "f" else array
        return name

    def uses(self) -> Counter[str]:
        """Count how often each tensor is read by a node."""
        return Counter(name for node in self.nodes for name in node.input)

    def remove(self, node: onnx.NodeProto) -> None:
        """Remove a node, so that the readers of its output read its first input."""
        self.nodes.remove(node)
        self.redirect(node.output[0], node.input[0])

    def redirect(self, old: str, new: str) -> None:
        """Make every reader of tensor `old` read `new`."""
        for node in self.nodes:
            node.input[:] = [new if name == old else name for name in node.input]

    def model(self, name: str, batch: int | None, image: tuple[int, int, int], output: str) -> onnx.ModelProto:
        """Build the ONNX model, with input float32 [batch, channels, height, width] and output `logits`.

        Args:
            name: The graph's name.
            batch: Number of images per call, or None for a free batch.
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
