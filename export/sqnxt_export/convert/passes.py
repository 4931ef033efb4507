"""Graph passes that leave what an accelerator wants: no batch norm, no pads and no transposes where they can go."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from ..errors import ExportError
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
    """Zero padding that only a Conv reads becomes the Conv's own, and a MaxPool's where that computes the same.

    Raises:
        ExportError: It does not. onnxruntime would fuse the two all the same and compute another maximum.
    """
    for node in [node for node in graph.nodes if node.op_type in ("Conv", "MaxPool")]:
        pad = _only_producer(graph, node, output)
        if pad is None or pad.op_type != "Pad":
            continue
        _, _, top, left, _, _, bottom, right = graph.constants[pad.input[1]].tolist()
        pads = next(attribute for attribute in node.attribute if attribute.name == "pads")
        together = [own + more for own, more in zip(pads.ints, (top, left, bottom, right), strict=True)]
        if node.op_type == "MaxPool" and not _pads_never_win(graph, pad, node, together):
            raise ExportError(
                f"layer {pad.name!r}: pads with zeros what {node.name!r} takes the maximum of, which onnxruntime "
                "computes wrongly where values are negative or a window is all padding; pool with padding='same'"
            )
        pads.ints[:] = together
        graph.remove(pad)
    return output


def _pads_never_win(graph: Graph, pad: onnx.NodeProto, pool: onnx.NodeProto, pads: list[int]) -> bool:
    """Whether zeros and minus infinity around the image give the same maxima: no value is negative, no window empty."""
    producer = next((node.op_type for node in graph.nodes if node.output[0] == pad.input[0]), "")
    windows = list(onnx.helper.get_node_attr_value(pool, "kernel_shape")) * 2
    return producer in _NOT_NEGATIVE and all(amount < window for amount, window in zip(pads, windows, strict=True))


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


def _only_producer(graph: Graph, node: onnx.NodeProto, output: str) -> onnx.NodeProto | None:
    """The node that makes this one's first input, if nobody else reads it and it is not the graph's output."""
    tensor = node.input[0]
    if tensor == output or graph.uses()[tensor] != 1:
        return None
    return next((producer for producer in graph.nodes if producer.output[0] == tensor), None)
