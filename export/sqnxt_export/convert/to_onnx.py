"""Conversion of a functional tf_keras model to an ONNX graph: channels first, layer names kept, batch norm folded."""

from __future__ import annotations

from typing import Any

import onnx

from sqnxt_export._libraries import onnx_session, require
from sqnxt_export.artifact.opset import with_opset
from sqnxt_export.convert import layers_activations, layers_lambda, layers_normalising, layers_plain, layers_weighted  # noqa: F401 - importing them registers the converters
from sqnxt_export.convert.graph import INPUT, Graph
from sqnxt_export.convert.layer_converters import LayerCall, convert_layer
from sqnxt_export.convert.passes import simplify
from sqnxt_export.errors import ExportError, one_line


def to_onnx(model: Any, *, batch: int | None = 1) -> onnx.ModelProto:
    """Convert a functional or Sequential tf_keras model to a float32 ONNX model.

    The input is called `input`, float32 [batch, channels, height, width], and the output `logits`. Nodes have the names
    of their layers; further nodes of a layer are called `<layer>/<role>`.

    Args:
        model: A model that takes one image of fixed size and returns one tensor.
        batch: Number of images per call; None leaves it free.

    Raises:
        ExportError: A layer has no equivalent, or the model has several inputs or outputs or an input of unknown size.
    """
    image = image_shape(model)
    graph = Graph()
    output = simplify(graph, _convert(graph, model, [INPUT], ""))
    name = "".join(letter if letter.isalnum() else "_" for letter in model.name)
    return checked(with_opset(graph.model(name, batch, image, output)))


def image_shape(model: Any) -> tuple[int, int, int]:
    """Return height, width and channels of the model's only input.

    Raises:
        ExportError: See `to_onnx`.
    """
    name = getattr(model, "name", type(model).__name__)
    if not getattr(model, "_is_graph_network", False):
        raise ExportError(
            f"model {name!r}", "not a built functional model", "build it with keras.Input or call it once"
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ExportError(
            f"model {name!r}",
            f"has {len(model.inputs)} inputs, {len(model.outputs)} outputs",
            "give a model with one of each",
        )
    shape = tuple(model.inputs[0].shape[1:])
    if len(shape) != 3 or None in shape:
        raise ExportError(
            f"model {name!r}", f"takes {shape}", "rebuild it for an image of fixed height, width and channels"
        )
    height, width, channels = shape
    return height, width, channels


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


def _convert(graph: Graph, model: Any, inputs: list[str], prefix: str) -> str:
    """Convert the layers of a model, including nested models, in the order in which Keras runs them."""
    tensors = {id(tensor): name for tensor, name in zip(model.inputs, inputs, strict=True)}
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input:
                continue
            outputs = node.outputs if isinstance(node.outputs, list | tuple) else [node.outputs]
            if len(outputs) != 1:
                raise ExportError(
                    f"layer {node.layer.name!r}",
                    f"has {len(outputs)} outputs",
                    "replace it by layers with one output each",
                )
            sources = [tensors[id(tensor)] for tensor in node.keras_inputs]
            tensors[id(outputs[0])] = _convert_node(graph, node, sources, outputs[0], prefix)
    return tensors[id(model.outputs[0])]


def _convert_node(graph: Graph, node: Any, sources: list[str], output: Any, prefix: str) -> str:
    layer = node.layer
    name = prefix + layer.name
    if getattr(layer, "_is_graph_network", False):
        return _convert(graph, layer, sources, f"{name}/")
    shapes = [_fixed_shape(tensor, layer) for tensor in node.keras_inputs]
    names = {id(tensor): source for tensor, source in zip(node.keras_inputs, sources, strict=True)}
    arguments = tuple(names.get(id(value), value) for value in node.call_args)
    keywords = {key: names.get(id(value), value) for key, value in node.call_kwargs.items()}
    return convert_layer(
        LayerCall(graph, layer, name, sources, shapes, _fixed_shape(output, layer), arguments, keywords)
    )


def _fixed_shape(tensor: Any, layer: Any) -> tuple[int, ...]:
    shape = tuple(tensor.shape[1:])
    if None in shape:
        raise ExportError(
            f"layer {layer.name!r}", f"works on an unknown size {shape}", "rebuild the model for a fixed input size"
        )
    return shape
