"""An ONNX graph while it is being built: nodes in order, weights as arrays, unique names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export.artifact.layouts import write_layouts
from sqnxt_export.runtimes.signatures import Signature

_OPSET, _IR_VERSION = 21, 10
"""Converters write nodes as operator set 21 has them; `to_onnx` then relabels the graph for the lowest that fits."""
INPUT, OUTPUT = "input", "logits"
"""Names of a graph's only input and only output, independent of the model's names."""


@dataclass(frozen=True, slots=True)
class GraphEnd:
    """An input or output of a graph.

    Attributes:
        name: Its name in the file.
        shape: Sides of one sample in the order of the file; None where they are left to ONNX's shape inference.
        dtype: NumPy's name of the type.
        channels_first: Whether the file holds channels first what the Keras model holds channels last.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: str = "float32"
    channels_first: bool = False

    def value_info(self, batch: int | None) -> onnx.ValueInfoProto:
        """Return ONNX's description; a batch of None is free."""
        kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        shape = None if self.shape is None else [batch or "batch", *self.shape]
        return onnx.helper.make_tensor_value_info(self.name, kind, shape)


def graph_inputs(signature: Signature) -> list[GraphEnd]:
    """Return the inputs of the graph of a model: images channels first; a single input is called `input`."""
    ends = []
    for info in signature.inputs:
        first = len(info.shape) == 3
        shape = (info.shape[-1], *info.shape[:-1]) if first else info.shape
        name = INPUT if len(signature.inputs) == 1 else info.name
        ends.append(GraphEnd(name, shape, info.dtype, first))
    return ends


def graph_outputs(signature: Signature) -> list[GraphEnd]:
    """Return the outputs of the graph of a model: maps channels first; a single output is called `logits`."""
    single = len(signature.outputs) == 1
    return [
        GraphEnd(OUTPUT if single else info.name, None, info.dtype, len(info.shape) == 3) for info in signature.outputs
    ]


@dataclass
class Graph:
    """The nodes and constants of a graph. Each tensor has the name of the node that computes it, except the outputs."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    names: set[str] = field(default_factory=lambda: {INPUT, OUTPUT})
    """Names that are taken, those of the inputs and outputs among them."""
    outputs: list[str] = field(default_factory=list)
    """Tensors that become the graph's outputs."""
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
        node = onnx.helper.make_node(op, inputs, [output], name if name in (INPUT, OUTPUT) else output, **attributes)
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
        return Counter(name for node in self.nodes for name in read_by(node))

    def remove(self, node: onnx.NodeProto) -> None:
        """Remove a node, so that the readers of its output read its first input."""
        self.nodes.remove(node)
        self.redirect(node.output[0], node.input[0])

    def redirect(self, old: str, new: str) -> None:
        """Make every reader of tensor `old` read `new`, the graph's outputs among them."""
        for node in self.nodes:
            rename_inputs(node, {old: new})
        self.outputs = [new if name == old else name for name in self.outputs]

    def model(
        self, name: str, batch: int | None, inputs: Sequence[GraphEnd], outputs: Sequence[GraphEnd]
    ) -> onnx.ModelProto:
        """Build the ONNX model, which records the layout of its inputs and outputs.

        Args:
            name: The graph's name.
            batch: Number of samples per call, or None for a free batch.
            inputs: The inputs; nodes read them by name.
            outputs: What the tensors of `self.outputs` become, in order.
        """
        given = {end.name for end in inputs}
        for number, tensor in enumerate(self.outputs):
            if tensor in given or tensor in self.constants or tensor in self.outputs[:number]:
                self.outputs[number] = self.add("Identity", [tensor], "identity")
        final = dict(zip(self.outputs, (end.name for end in outputs), strict=True))
        for node in self.nodes:
            rename_inputs(node, final)
            node.output[:] = [final.get(tensor, tensor) for tensor in node.output]
        used = self.uses()
        graph = onnx.helper.make_graph(
            self.nodes,
            name,
            [end.value_info(batch) for end in inputs],
            [end.value_info(batch) for end in outputs],
            [onnx.numpy_helper.from_array(values, key) for key, values in self.constants.items() if key in used],
        )
        model = onnx.helper.make_model(
            graph,
            producer_name="sqnxt-export",
            ir_version=_IR_VERSION,
            opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        )
        write_layouts(model, {end.name: 4 for end in (*inputs, *outputs) if end.channels_first})
        return model


def rename_inputs(node: onnx.NodeProto, names: Mapping[str, str]) -> None:
    """Make a node, and the graphs inside it, read other tensors: old name -> new name."""
    node.input[:] = [names.get(name, name) for name in node.input]
    for attribute in node.attribute:
        for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            own = {value.name for value in inner.input} | {name for item in inner.node for name in item.output}
            outside = {old: new for old, new in names.items() if old not in own}
            for item in inner.node:
                rename_inputs(item, outside)
            for value in inner.output:
                value.name = outside.get(value.name, value.name)


def read_by(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the tensors that a node reads, and those that the graphs inside it read, its own included."""
    yield from node.input
    for attribute in node.attribute:
        for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from (value.name for value in inner.output)
            for item in inner.node:
                yield from read_by(item)
