"""Conversion by tf2onnx: the traced graph of any TensorFlow model, brought into the form of the layer converter's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx

from sqnxt_export.convert.graph import Graph, GraphEnd, read_by, rename_inputs
from sqnxt_export.convert.passes import simplify
from sqnxt_export.convert.tf2onnx_bridge import NEWEST_OPSET, run_tf2onnx
from sqnxt_export.convert.traced_names import WEIGHTED, name_after_layers
from sqnxt_export.convert.traced_passes import tidy
from sqnxt_export.convert.tracing import concrete_function, quiet_conversion
from sqnxt_export.errors import ExportError, one_line
from sqnxt_export.runtimes.signatures import name_of_model


def trace_to_graph(model: Any, batch: int | None, inputs: Sequence[GraphEnd], outputs: Sequence[GraphEnd]) -> Graph:
    """Convert a model with tf2onnx, clean the graph and name its nodes after the Keras layers.

    Raises:
        ExportError: tf2onnx refuses an operation, or is not installed.
    """
    proto = _convert(model, batch, inputs, outputs)
    _check_operators(model, proto)
    graph = _imported(proto, inputs, outputs)
    tidy(graph, proto)
    simplify(graph)
    return name_after_layers(graph, model, {end.name for end in (*inputs, *outputs)})


def _convert(model: Any, batch: int | None, inputs: Sequence[GraphEnd], outputs: Sequence[GraphEnd]) -> onnx.ModelProto:
    """Run tf2onnx, and rename the graph's inputs and outputs to `inputs` and to numbers.

    tf2onnx orders both by itself, so they are matched by the names in TensorFlow's function.
    """
    try:
        with quiet_conversion():
            function, _ = concrete_function(model, batch)
            given = [tensor.name for tensor in function.inputs[: len(inputs)]]  # captured tensors come behind them
            made = [tensor.name for tensor in function.outputs]
            first = [
                [name for name, end in zip(names, ends, strict=True) if end.channels_first]
                for names, ends in ((given, inputs), (made, outputs))
            ]
            proto = run_tf2onnx(function, given, made, (first[0], first[1]))
    except ExportError:
        raise
    except Exception as error:  # tf2onnx and TensorFlow raise classes of many kinds
        raise _refused(model, one_line(error)) from error
    return _with_names(proto, given, made, inputs)


def _with_names(
    proto: onnx.ModelProto, given: list[str], made: list[str], inputs: Sequence[GraphEnd]
) -> onnx.ModelProto:
    names = dict(zip(given, (end.name for end in inputs), strict=True))
    for node in proto.graph.node:
        rename_inputs(node, names)
    for value in proto.graph.input:
        value.name = names.get(value.name, value.name)
    order = {name: number for number, name in enumerate(made)}
    values = sorted(proto.graph.output, key=lambda value: order[value.name])
    del proto.graph.output[:]
    proto.graph.output.extend(values)
    return proto


def _check_operators(model: Any, proto: onnx.ModelProto) -> None:
    """Refuse a graph with operators that are none of ONNX's: tf2onnx leaves what it does not know as it was."""
    unknown = set()
    for node in proto.graph.node:
        try:
            onnx.defs.get_schema(node.op_type, NEWEST_OPSET, node.domain)
        except onnx.defs.SchemaError:
            unknown.add(node.op_type)
    if unknown:
        raise _refused(model, f"TensorFlow's {', '.join(sorted(unknown))} has no equivalent in ONNX")


def _refused(model: Any, why: str) -> ExportError:
    return ExportError(
        f"model {name_of_model(model)!r}",
        f"tf2onnx does not convert it ({why})",
        "replace the layer or export to TFLite",
    )


def _imported(proto: onnx.ModelProto, inputs: Sequence[GraphEnd], outputs: Sequence[GraphEnd]) -> Graph:
    """Return the nodes and constants, with constants in nodes made initializers and without Identity."""
    graph = Graph(names={end.name for end in (*inputs, *outputs)})
    graph.constants = {tensor.name: np.array(onnx.numpy_helper.to_array(tensor)) for tensor in proto.graph.initializer}
    graph.outputs = [value.name for value in proto.graph.output]
    for node in proto.graph.node:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        if copy.op_type == "Constant":
            graph.constants[copy.output[0]] = np.array(onnx.numpy_helper.to_array(copy.attribute[0].t))
        else:
            graph.nodes.append(copy)
    graph.names |= {name for node in graph.nodes for name in (*node.output, *read_by(node))} | set(graph.constants)
    _unshare_weights(graph)
    for node in [node for node in graph.nodes if node.op_type == "Identity"]:
        graph.remove(node)
    return graph


def _unshare_weights(graph: Graph) -> None:
    """Give every layer weights of its own: tf2onnx stores equal ones once, and passes change them in place."""
    uses = graph.uses()
    for node in graph.nodes:
        for number, name in enumerate(node.input[1:3], start=1):
            if node.op_type in WEIGHTED and name in graph.constants and uses[name] > 1:
                node.input[number] = graph.constant(name, graph.constants[name].copy())
