"""Graph passes that leave what an accelerator wants: no batch norm, no pads and no transposes where they can go."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from .graph import Graph

_ELEMENTWISE = ("Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "Elu", "Selu", "Softplus", "HardSigmoid")

_NOT_NEGATIVE = ("Relu", "Clip", "Sigmoid")
"""Operators whose outputs are never below zero, as this package makes them: each Clip starts at zero."""


def simplify(graph: Graph, output: str) -> str:
    """All passes in turn; the name of the graph's output, which may change."""
    passes: list[Callable[[Graph, str], str]] = [fold_batch_norm, fold_padding, permute_dense_weights]
    for one in passes:
        output = one(graph, output)
    return output


def fold_batch_norm(graph: Graph, output: str) -> str:
    """Batch norm that alone reads a Conv or Gemm becomes part of its weights and bias. Zeros stay zeros."""
    for node in [node for node in graph.nodes if node.op_type == "BatchNormalization"]:
        producer = _only_producer(graph, node, output)
        if producer is None or producer.op_type not in ("Conv", "Gemm"):
            continue
        scale, shift, mean, variance = (graph.constants[name].astype(np.float64) for name in node.input[1:])
        factor = scale / np.sqrt(variance + onnx.helper.get_node_attr_value(node, "epsilon"))
        weights = graph.constants[producer.input[1]].astype(np.float64)
        weights *= factor.reshape(-1, *[1] * (weights.ndim - 1))
        graph.constants[producer.input[1]] = weights.astype(np.float32)
        bias = graph.constants[producer.input[2]] if len(producer.input) > 2 else 0.0
        name = graph.constant(f"{producer.name}/folded_bias", (bias - mean) * factor + shift)
        producer.input[:] = [*producer.input[:2], name]
        graph.remove(node)
        output = producer.output[0] if output == node.output[0] else output
    return output


def fold_padding(graph: Graph, output: str) -> str:
    """Zero padding that only a Conv reads becomes the Conv's own, and a MaxPool's where no value is below zero."""
    for node in [node for node in graph.nodes if node.op_type in ("Conv", "MaxPool")]:
        pad = _only_producer(graph, node, output)
        if pad is None or pad.op_type != "Pad":
            continue
        if node.op_type == "MaxPool" and _producer_op(graph, pad.input[0]) not in _NOT_NEGATIVE:
            continue
        _, _, top, left, _, _, bottom, right = graph.constants[pad.input[1]].tolist()
        pads = next(attribute for attribute in node.attribute if attribute.name == "pads")
        together = [own + more for own, more in zip(pads.ints, (top, left, bottom, right), strict=True)]
        if node.op_type == "MaxPool" and any(
            amount >= window
            for amount, window in zip(together, onnx.helper.get_node_attr_value(node, "kernel_shape") * 2, strict=True)
        ):
            continue  # a window of padding alone: zero here, minus infinity in ONNX
        pads.ints[:] = together
        graph.remove(pad)
    return output


def permute_dense_weights(graph: Graph, output: str) -> str:
    """Transpose, Flatten, Gemm: the Gemm's columns take the order that the Transpose would have made.

    Elementwise activations and a batch norm that was folded away may stand between.
    """
    for gemm in [node for node in graph.nodes if node.op_type == "Gemm"]:
        node = _only_producer(graph, gemm, output)
        while node is not None and node.op_type in _ELEMENTWISE:
            node = _only_producer(graph, node, output)
        transpose = _only_producer(graph, node, output) if node is not None and node.op_type == "Flatten" else None
        if transpose is None or transpose.op_type != "Transpose" or transpose.name not in graph.flattened:
            continue
        height, width, channels = graph.flattened[transpose.name]
        weights = graph.constants[gemm.input[1]]
        permuted = weights.reshape(-1, height, width, channels).transpose(0, 3, 1, 2)
        graph.constants[gemm.input[1]] = np.ascontiguousarray(permuted.reshape(weights.shape))
        graph.remove(transpose)
    return output


def _producer_op(graph: Graph, tensor: str) -> str:
    return next((node.op_type for node in graph.nodes if node.output[0] == tensor), "")


def _only_producer(graph: Graph, node: onnx.NodeProto, output: str) -> onnx.NodeProto | None:
    """The node that makes this one's first input, if nobody else reads it and it is not the graph's output."""
    tensor = node.input[0]
    if tensor == output or graph.uses()[tensor] != 1:
        return None
    return next((producer for producer in graph.nodes if producer.output[0] == tensor), None)
