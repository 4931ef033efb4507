"""Passes that keep maps channels first: transposes that tf2onnx leaves are moved down until they meet and cancel."""

from __future__ import annotations

import numpy as np
import onnx

from sqnxt_export.convert.graph import Graph
from sqnxt_export.convert.passes import only_producer
from sqnxt_export.convert.traced_shapes import Shapes, permutes, set_attributes

TO_LAST, TO_FIRST = [0, 2, 3, 1], [0, 3, 1, 2]
_POOLS = {"ReduceMean": "GlobalAveragePool", "ReduceMax": "GlobalMaxPool"}
_UNARY = (
    "Abs", "Clip", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "Neg", "Reciprocal",
    "Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Sqrt", "Tanh",
)  # fmt: skip
_BINARY = ("Add", "Div", "Max", "Min", "Mul", "Pow", "Sub")


def write_pointwise_convolutions(graph: Graph, shapes: Shapes) -> None:
    """Write a dense layer on the pixels of a map, which is a product of a matrix of all pixels, as 1x1 convolution."""
    for node in [node for node in graph.nodes if node.op_type == "Gemm" and node.input[1] in graph.constants]:
        before = only_producer(graph, node)
        after = [reader for reader in graph.nodes if node.output[0] in reader.input]
        if before is None or before.op_type != "Reshape" or len(after) != 1 or after[0].op_type != "Reshape":
            continue
        if node.output[0] in graph.outputs or not _is_pixelwise(shapes, before.input[0], after[0].output[0]):
            continue
        place = graph.nodes.index(before)
        first, pixels = (graph.unique(f"{node.name}/{suffix}") for suffix in ("nchw", "pixels"))
        node.op_type = "Conv"
        graph.constants[node.input[1]] = graph.constants[node.input[1]][:, :, None, None]
        ones = {"kernel_shape": [1, 1], "strides": [1, 1], "pads": [0] * 4, "dilations": [1, 1], "group": 1}
        set_attributes(node, ones)
        source, result = before.input[0], after[0].output[0]
        for old in (before, node, after[0]):
            graph.nodes.remove(old)
        node.input[0], node.output[0] = first, pixels
        graph.nodes[place:place] = [
            onnx.helper.make_node("Transpose", [source], [first], first, perm=TO_FIRST),
            node,
            onnx.helper.make_node("Transpose", [pixels], [result], f"{pixels}/nhwc", perm=TO_LAST),
        ]
        shapes[pixels] = [shapes[result][number] for number in TO_FIRST]


def _is_pixelwise(shapes: Shapes, before: str, after: str) -> bool:
    start, end = shapes.get(before, []), shapes.get(after, [])
    return len(start) == len(end) == 4 and start[1:3] == end[1:3] and None not in (*start[1:], *end[1:])


def write_pixel_transposes(graph: Graph, shapes: Shapes) -> None:
    """Write a reshape that moves the channels of a single pixel as the transpose that it is."""
    for node in [node for node in graph.nodes if node.op_type == "Reshape"]:
        before, after = shapes.get(node.input[0], []), shapes.get(node.output[0], [])
        if len(before) != 4 or len(after) != 4 or before == after or None in (*before[1:], *after[1:]):
            continue
        for order, pixel in ((TO_LAST, before[2:]), (TO_FIRST, before[1:3])):
            if pixel == [1, 1] and after[1:] == [before[number] for number in order[1:]]:
                node.op_type = "Transpose"
                node.input[:] = node.input[:1]
                set_attributes(node, {"perm": order})
                break


def sink_transposes(graph: Graph, shapes: Shapes) -> None:
    """Move each transpose to channels-last behind the elementwise operators that read it, until its inverse follows."""
    waiting = [node for node in graph.nodes if permutes(node, TO_LAST)]
    while waiting:
        transpose = waiting.pop()
        if transpose not in graph.nodes:
            continue
        for reader in [node for node in graph.nodes if transpose.output[0] in node.input]:
            if permutes(reader, TO_FIRST):
                graph.nodes.remove(reader)
                graph.redirect(reader.output[0], transpose.input[0])
            elif (moved := _sink_below(graph, shapes, transpose, reader)) is not None:
                waiting.append(moved)
        if not graph.uses()[transpose.output[0]] and transpose.output[0] not in graph.outputs:
            graph.nodes.remove(transpose)


def _sink_below(
    graph: Graph, shapes: Shapes, transpose: onnx.NodeProto, reader: onnx.NodeProto
) -> onnx.NodeProto | None:
    """Make an elementwise operator compute channels first, and return the transpose behind it; None if it cannot."""
    inputs = _inputs_first(graph, shapes, reader)
    if inputs is None:
        return None
    result = reader.output[0]
    first = graph.unique(f"{result}/nchw")
    for number, (name, values) in enumerate(inputs):
        reader.input[number] = name if values is None else graph.constant(f"{reader.input[number]}/nchw", values)
    reader.output[0] = first
    moved = onnx.helper.make_node("Transpose", [first], [result], f"{first}/nhwc", perm=TO_LAST)
    graph.nodes.insert(graph.nodes.index(reader) + 1, moved)
    if result in shapes:
        shapes[first] = [shapes[result][number] for number in TO_FIRST]
    return moved


def _inputs_first(
    graph: Graph, shapes: Shapes, reader: onnx.NodeProto
) -> list[tuple[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None]] | None:
    """Return what an operator reads channels first: tensors, and constants with their new values."""
    if reader.op_type not in (*_UNARY, *_BINARY) or len(shapes.get(reader.output[0], ())) != 4:
        return None
    found: list[tuple[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None]] = []
    for number, name in enumerate(reader.input):
        producer = next((node for node in graph.nodes if name in node.output), None)
        if producer is not None and permutes(producer, TO_LAST):
            found.append((producer.input[0], None))
        elif number and reader.op_type in _UNARY:
            found.append((name, None))  # the limits of a Clip
        elif name in graph.constants and graph.constants[name].ndim <= 4:
            values = graph.constants[name]
            padded = values.reshape((1,) * (4 - values.ndim) + values.shape).transpose(TO_FIRST)
            found.append(
                (
                    name,
                    values if values.size == 1 else np.ascontiguousarray(padded[0] if padded.shape[0] == 1 else padded),
                )
            )
        else:
            return None
    return found


def pool_whole_images(graph: Graph, shapes: Shapes) -> None:
    """Write a mean or maximum over height and width as global pooling, and a Flatten where it drops the sides."""
    for node in [node for node in graph.nodes if node.op_type in _POOLS]:
        axes = _axes(graph, node)
        producer = next((other for other in graph.nodes if node.input[0] in other.output), None)
        transpose = producer if producer is not None and permutes(producer, TO_LAST) else None
        if len(shapes.get(node.input[0], ())) != 4 or axes != ([1, 2] if transpose is not None else [2, 3]):
            continue
        keeps = next((attribute.i for attribute in node.attribute if attribute.name == "keepdims"), 1)
        source = node.input[0] if transpose is None else transpose.input[0]
        place = graph.nodes.index(node)
        graph.nodes.remove(node)
        direct = keeps and transpose is None
        pooled = node.output[0] if direct else graph.unique(f"{node.output[0]}/pooled")
        new = [onnx.helper.make_node(_POOLS[node.op_type], [source], [pooled], node.name)]
        if keeps and not direct:
            new.append(onnx.helper.make_node("Transpose", [pooled], [node.output[0]], f"{pooled}/nhwc", perm=TO_LAST))
        elif not keeps:
            new.append(onnx.helper.make_node("Flatten", [pooled], [node.output[0]], f"{node.name}/flatten", axis=1))
        graph.nodes[place:place] = new
        if transpose is not None and not graph.uses()[transpose.output[0]] and transpose.output[0] not in graph.outputs:
            graph.nodes.remove(transpose)


def _axes(graph: Graph, node: onnx.NodeProto) -> list[int]:
    if len(node.input) > 1 and node.input[1] in graph.constants:
        return sorted(axis % 4 for axis in graph.constants[node.input[1]].reshape(-1).tolist())
    return sorted(axis % 4 for attribute in node.attribute if attribute.name == "axes" for axis in attribute.ints)
