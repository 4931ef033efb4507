"""Conversion layer by layer: a functional tf_keras model becomes a graph in NCHW, a node or a few for each layer."""

from __future__ import annotations

from typing import Any

from sqnxt_export.convert import layers_activations, layers_lambda, layers_normalising, layers_plain, layers_weighted  # noqa: F401 - importing them registers the converters
from sqnxt_export.convert.graph import Graph
from sqnxt_export.convert.layer_converters import LayerCall, convert_layer
from sqnxt_export.errors import ExportError


def walk_layers(graph: Graph, model: Any, inputs: list[str]) -> list[str]:
    """Add a model's layers to a graph, and return the tensors that are its outputs.

    Raises:
        ExportError: A layer has no equivalent.
    """
    return _convert(graph, model, inputs, "")


def _convert(graph: Graph, model: Any, inputs: list[str], prefix: str) -> list[str]:
    """Convert the layers of a model, including nested models, in the order in which Keras runs them."""
    tensors = {id(tensor): name for tensor, name in zip(model.inputs, inputs, strict=True)}
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input:
                continue
            outputs = list(node.outputs) if isinstance(node.outputs, list | tuple) else [node.outputs]
            sources = [tensors[id(tensor)] for tensor in node.keras_inputs]
            results = _convert_node(graph, node, sources, outputs, prefix)
            tensors |= {id(tensor): name for tensor, name in zip(outputs, results, strict=True)}
    return [tensors[id(tensor)] for tensor in model.outputs]


def _convert_node(graph: Graph, node: Any, sources: list[str], outputs: list[Any], prefix: str) -> list[str]:
    layer = node.layer
    name = prefix + layer.name
    if getattr(layer, "_is_graph_network", False):
        return _convert(graph, layer, sources, f"{name}/")
    if len(outputs) != 1:
        raise ExportError(
            f"layer {layer.name!r}", f"has {len(outputs)} outputs", "replace it by layers with one output each"
        )
    shapes = [_fixed_shape(tensor, layer) for tensor in node.keras_inputs]
    names = {id(tensor): source for tensor, source in zip(node.keras_inputs, sources, strict=True)}
    arguments = tuple(names.get(id(value), value) for value in node.call_args)
    keywords = {key: names.get(id(value), value) for key, value in node.call_kwargs.items()}
    shape = _fixed_shape(outputs[0], layer)
    return [convert_layer(LayerCall(graph, layer, name, sources, shapes, shape, arguments, keywords))]


def _fixed_shape(tensor: Any, layer: Any) -> tuple[int, ...]:
    shape = tuple(tensor.shape[1:])
    if None in shape:
        raise ExportError(
            f"layer {layer.name!r}", f"works on an unknown size {shape}", "rebuild the model for a fixed input size"
        )
    return shape
