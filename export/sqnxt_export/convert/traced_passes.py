"""Passes that give a graph of tf2onnx the form in which the layer converter writes the same layers."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import onnx

from sqnxt_export.convert.graph import Graph
from sqnxt_export.convert.passes import only_producer
from sqnxt_export.convert.traced_layouts import (
    TO_LAST,
    pool_whole_images,
    sink_transposes,
    write_pixel_transposes,
    write_pointwise_convolutions,
)
from sqnxt_export.convert.traced_shapes import Shapes, known_shapes, permutes, set_attributes


def tidy(graph: Graph, proto: onnx.ModelProto) -> None:
    """Run all passes in turn.

    Args:
        graph: The imported graph.
        proto: The model that it was imported from, for the shapes of its tensors.
    """
    shapes = known_shapes(proto)
    spell_out_windows(graph)
    write_dense_layers(graph, shapes)
    write_gelu(graph)
    write_pixel_transposes(graph, shapes)
    write_pointwise_convolutions(graph, shapes)
    sink_transposes(graph, shapes)
    pool_whole_images(graph, shapes)
    sink_transposes(graph, shapes)
    drop_idle_reshapes(graph, shapes)
    flatten_images(graph, shapes)
    for node in graph.nodes:
        if node.op_type == "Pad" and len(shapes.get(node.input[0], ())) == 4:
            height, width = shapes[node.input[0]][2:]
            if height and width:
                graph.padded[node.output[0]] = height, width


def spell_out_windows(graph: Graph) -> None:
    """Write the attributes of convolutions and pools that tf2onnx leaves at their defaults."""
    for node in graph.nodes:
        if node.op_type not in ("Conv", "ConvTranspose", "MaxPool", "AveragePool"):
            continue
        found = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        if found.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID") or "output_shape" in found:
            continue
        found.pop("auto_pad", None)
        if "kernel_shape" not in found:
            found["kernel_shape"] = list(graph.constants[node.input[1]].shape[2:])
        axes = len(found["kernel_shape"])
        defaults: dict[str, Any] = {"strides": [1] * axes, "pads": [0] * 2 * axes}
        if node.op_type in ("Conv", "ConvTranspose"):
            defaults |= {"dilations": [1] * axes, "group": 1}
        set_attributes(node, {**defaults, **found})


def write_dense_layers(graph: Graph, shapes: Shapes) -> None:
    """Write each product of vectors and a constant matrix as Gemm with the matrix transposed, the bias in it."""
    for node in list(graph.nodes):
        if node.op_type == "Gemm":
            _transpose_kernel(graph, node)
        elif node.op_type == "MatMul" and node.input[1] in graph.constants and len(shapes.get(node.input[0], ())) == 2:
            node.op_type = "Gemm"
            _transpose_kernel(graph, node)
    for node in [node for node in graph.nodes if node.op_type == "Add"]:
        dense = only_producer(graph, node)
        bias = graph.constants.get(node.input[1])
        if dense is None or dense.op_type != "Gemm" or len(dense.input) > 2 or bias is None or bias.ndim != 1:
            continue
        if len(bias) == len(graph.constants[dense.input[1]]):
            dense.input.append(node.input[1])
            graph.remove(node)


def _transpose_kernel(graph: Graph, node: onnx.NodeProto) -> None:
    found = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    plain = not found.get("transA") and found.get("alpha", 1.0) == 1.0 and found.get("beta", 1.0) == 1.0
    if not plain or node.input[1] not in graph.constants:
        return
    if not found.get("transB"):
        node.input[1] = graph.constant(f"{node.input[1]}/transposed", graph.constants[node.input[1]].T)
    set_attributes(node, {"transB": 1})


def drop_idle_reshapes(graph: Graph, shapes: Shapes) -> None:
    """Drop what only renames sides: reshapes to the same shape, and transposes of 1x1 pixels."""
    for node in [node for node in graph.nodes if node.op_type == "Reshape"]:
        before, after = shapes.get(node.input[0]), shapes.get(node.output[0])
        if before and before == after and None not in before[1:]:
            graph.remove(node)


def flatten_images(graph: Graph, shapes: Shapes) -> None:
    """Write a reshape of a whole image to a vector as Flatten, and note the transpose before it."""
    for node in [node for node in graph.nodes if node.op_type == "Reshape"]:
        before, after = shapes.get(node.input[0], ()), shapes.get(node.output[0], ())
        sides = [side for side in before[1:] if side is not None]
        if len(after) != 2 or len(before) < 3 or len(sides) < len(before) - 1 or after[1] != prod(sides):
            continue
        transpose = only_producer(graph, node)
        if len(before) == 4 and transpose is not None and permutes(transpose, TO_LAST):
            height, width, channels = sides
            graph.flattened[transpose.name] = height, width, channels
        node.op_type = "Flatten"
        node.input[:] = node.input[:1]
        set_attributes(node, {"axis": 1})


def write_gelu(graph: Graph) -> None:
    """Write the six operators of Keras's exact GELU, 0.5 x (1 - erf(-x / sqrt 2)), as one."""
    made = {name: node for node in graph.nodes for name in node.output}
    for erf in [node for node in graph.nodes if node.op_type == "Erf"]:
        scaled = made.get(erf.input[0])
        negative = made.get(scaled.input[0]) if scaled is not None and scaled.op_type == "Mul" else None
        sub = _only_reader(graph, erf)
        product = _only_reader(graph, sub) if sub is not None and sub.op_type == "Sub" else None
        if scaled is None or sub is None or negative is None or negative.op_type != "Neg":
            continue
        if product is None or product.op_type != "Mul":
            continue
        half = next((made[name] for name in product.input if name in made and made[name] is not sub), None)
        x = negative.input[0]
        if half is None or half.op_type != "Mul" or x not in half.input or len(set(half.input)) != 2:
            continue
        constants = [graph.constants.get(name) for name in (scaled.input[1], sub.input[0], *half.input)]
        numbers = sorted(float(value.reshape(-1)[0]) for value in constants if value is not None and value.size == 1)
        if not (len(numbers) == 3 and np.allclose(numbers, [0.5, 0.5**0.5, 1.0], atol=1e-6)):
            continue
        product.op_type = "Gelu"
        product.input[:] = [x]
        _drop_unread(graph, [sub, half, erf, scaled, negative])


def _only_reader(graph: Graph, node: onnx.NodeProto) -> onnx.NodeProto | None:
    """Return the node that alone reads a node's output; None if several do, or if it is an output."""
    readers = [reader for reader in graph.nodes if node.output[0] in reader.input]
    return readers[0] if len(readers) == 1 and node.output[0] not in graph.outputs else None


def _drop_unread(graph: Graph, nodes: list[onnx.NodeProto]) -> None:
    """Remove the nodes whose outputs nothing reads any more, each after its readers."""
    for node in nodes:
        if not graph.uses()[node.output[0]] and node.output[0] not in graph.outputs:
            graph.nodes.remove(node)
