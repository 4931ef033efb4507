"""Conversion of a TensorFlow model to an ONNX graph: channels first, layer names kept, batch norm folded.

Two converters do it: layer by layer, and tf2onnx on the traced graph for what the first does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import onnx

from sqnxt_export._libraries import onnx_session, require
from sqnxt_export.artifact.opset import with_opset
from sqnxt_export.convert.graph import Graph, graph_inputs, graph_outputs
from sqnxt_export.convert.layer_graph import walk_layers
from sqnxt_export.convert.passes import simplify
from sqnxt_export.errors import ExportError, one_line
from sqnxt_export.options import check_converter
from sqnxt_export.runtimes.signatures import name_of_model, signature_of


@dataclass(frozen=True, slots=True)
class Converted:
    """A float32 graph, and what the user should know about how it was made."""

    model: onnx.ModelProto
    notes: tuple[str, ...] = ()


def to_onnx(model: Any, *, batch: int | None = 1, converter: str = "auto") -> onnx.ModelProto:
    """Convert a model to a float32 ONNX model.

    Images and maps are channels first, everything else is as the model has it; the metadata say which tensors are
    channels first. A single input is called `input`, float32 [batch, channels, height, width] for an image, and a
    single output `logits`; several have the names that Keras gives them. Nodes have the names of their layers; further
    nodes of a layer are called `<layer>/<role>`.

    Args:
        model: A tf_keras model, or one that `load_model` returned, whose inputs have a fixed size.
        batch: Number of samples per call; None leaves it free.
        converter: "layers" converts layer by layer, "tf2onnx" by the library of that name; "auto" takes tf2onnx where
            a layer has no equivalent.

    Raises:
        ExportError: The converter cannot convert the model, or an input has an unknown size.
    """
    return convert_to_onnx(model, batch=batch, converter=converter).model


def convert_to_onnx(model: Any, *, batch: int | None = 1, converter: str = "auto") -> Converted:
    """Convert a model, and say what happened; see `to_onnx`."""
    check_converter("onnx", converter)
    signature_of(model)  # a fault of the model itself is none of the converters'
    if converter == "tf2onnx":
        return Converted(_traced(model, batch))
    try:
        return Converted(_layer_by_layer(model, batch))
    except ExportError as error:
        if converter == "layers":
            raise
        reason = f"{error.object}: {error.fault}"
    try:
        graph = _traced(model, batch)
    except ExportError as second:
        raise ExportError(
            reason.partition(": ")[0], f"{reason.partition(': ')[2]}; tf2onnx: {second.fault}", second.remedy
        ) from second
    return Converted(graph, (f"converted by tf2onnx, since the converter of layers stops at {reason}",))


def _layer_by_layer(model: Any, batch: int | None) -> onnx.ModelProto:
    if not getattr(model, "_is_graph_network", False):
        raise ExportError(f"model {name_of_model(model)!r}", "not a functional model", 'use `converter="tf2onnx"`')
    signature = signature_of(model)
    inputs, outputs = graph_inputs(signature), graph_outputs(signature)
    graph = Graph(names={end.name for end in (*inputs, *outputs)})
    graph.outputs = walk_layers(graph, model, [end.name for end in inputs])
    simplify(graph)
    return checked(with_opset(graph.model(graph_name(model), batch, inputs, outputs)))


def _traced(model: Any, batch: int | None) -> onnx.ModelProto:
    from sqnxt_export.convert.traced_graph import trace_to_graph

    signature = signature_of(model)
    inputs, outputs = graph_inputs(signature), graph_outputs(signature)
    graph = trace_to_graph(model, batch, inputs, outputs)
    return checked(with_opset(graph.model(graph_name(model), batch, inputs, outputs)))


def graph_name(model: Any) -> str:
    """Return a model's name as ONNX allows it."""
    return "".join(letter if letter.isalnum() else "_" for letter in name_of_model(model))


def checked(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with the shapes of all its tensors, after onnx and onnxruntime have both accepted it.

    Raises:
        ExportError: One of them refuses it.
    """
    try:
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        onnx.checker.check_model(inferred, full_check=True)
    except Exception as error:
        raise ExportError(
            f"model {model.graph.name!r}", f"the ONNX graph fails its check ({one_line(error)})", "report this as a bug"
        ) from error
    require("onnxruntime", "to prove an ONNX export")
    try:
        onnx_session(inferred.SerializeToString(), optimise=False)
    except Exception as error:
        raise ExportError(
            f"model {model.graph.name!r}", f"onnxruntime refuses the graph ({one_line(error)})", "report this as a bug"
        ) from error
    return inferred
