"""Graph passes for accelerators: they fold batch norm, pads and transposes into their neighbours where possible."""

from __future__ import annotations

import numpy as np
import onnx

from sqnxt_export.convert.graph import Graph
from sqnxt_export.errors import ExportError

_ELEMENTWISE = ("Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "Elu", "Selu", "Softplus", "HardSigmoid")

_NOT_NEGATIVE = ("Relu", "Sigmoid")
"""Operators whose outputs are never negative; a Clip whose minimum is not negative is another."""


def simplify(graph: Graph) -> None:
    """Run all passes in turn."""
    for one in (fold_batch_norm, fold_padding, permute_dense_weights):
        one(graph)


def fold_batch_norm(graph: Graph) -> None:
    """Fold batch norm into the weights and bias of the convolution or Gemm that only it reads. Zeros stay zeros."""
    for node in [node for node in graph.nodes if node.op_type == "BatchNormalization"]:
        producer = only_producer(graph, node)
        if producer is None or producer.op_type not in ("Conv", "ConvTranspose", "Gemm"):
            continue
        scale, shift, mean, variance = (graph.constants[name].astype(np.float64) for name in node.input[1:])
        factor = scale / np.sqrt(variance + onnx.helper.get_node_attr_value(node, "epsilon"))
        weights = graph.constants[producer.input[1]].astype(np.float64)
        shape = [1] * weights.ndim
        shape[producer.op_type == "ConvTranspose"] = -1  # its kernel has the output channels second
        weights *= factor.reshape(shape)
        graph.constants[producer.input[1]] = weights.astype(np.float32)
        bias = graph.constants[producer.input[2]] if len(producer.input) > 2 else 0.0
        name = graph.constant(f"{producer.name}/folded_bias", (bias - mean) * factor + shift)
        producer.input[:] = [*producer.input[:2], name]
        graph.remove(node)


def fold_padding(graph: Graph) -> None:
    """Fold a Pad that only one Conv or MaxPool reads into that node's own padding.

    A Conv pads with zeros itself. A MaxPool does not, so the zeros are restored behind it. Left apart, onnxruntime
    fuses Pad and MaxPool and computes another maximum (found with 1.31).

    Raises:
        ExportError: A whole window lies in the padding, which MaxPool refuses.
    """
    for node in [node for node in graph.nodes if node.op_type in ("Conv", "MaxPool")]:
        pad = only_producer(graph, node)
        if pad is None or pad.op_type != "Pad":
            continue
        _, _, top, left, _, _, bottom, right = graph.constants[pad.input[1]].tolist()
        pads = next(attribute for attribute in node.attribute if attribute.name == "pads")
        together = [own + more for own, more in zip(pads.ints, (top, left, bottom, right), strict=True)]
        if node.op_type == "MaxPool":
            _restore_zeros(graph, pad, node, together)
        pads.ints[:] = together
        graph.remove(pad)


def _restore_zeros(graph: Graph, pad: onnx.NodeProto, pool: onnx.NodeProto, pads: list[int]) -> None:
    """Add a Max with zero behind a MaxPool, for the windows that reached into the padding's zeros.

    Nothing is added if no value is negative.
    """
    windows = onnx.helper.get_node_attr_value(pool, "kernel_shape")
    if any(amount >= window for amount, window in zip(pads, [*windows, *windows], strict=True)):
        raise ExportError(f"layer {pad.name!r}", f"pads by whole windows of {pool.name!r}", "crop the padding")
    if _is_not_negative(graph, pad.input[0]):
        return
    strides = onnx.helper.get_node_attr_value(pool, "strides")
    zeros = graph.constants[pad.input[1]].reshape(2, 4)[:, 2:]
    reached = []
    for axis, size in enumerate(graph.padded[pad.output[0]]):
        window, before, after = windows[axis], pads[axis], pads[axis + 2]
        first = np.arange(0, size + before + after - window + 1, strides[axis]) - before
        top, bottom = zeros[:, axis]
        reached.append((top > 0) & (first < 0) | (bottom > 0) & (first + window > size))
    floor = np.where(reached[0][:, None] | reached[1], 0.0, np.finfo(np.float32).min)
    name = f"{pool.name}/zeros"
    result = graph.add("Max", [pool.output[0], graph.constant(f"{name}_floor", floor[None, None])], name)
    restoring = graph.nodes.pop()
    graph.redirect(pool.output[0], result)
    restoring.input[0] = pool.output[0]
    graph.nodes.insert(graph.nodes.index(pool) + 1, restoring)


def _is_not_negative(graph: Graph, tensor: str) -> bool:
    node = next((node for node in graph.nodes if node.output[0] == tensor), None)
    if node is None:
        return False
    return node.op_type in _NOT_NEGATIVE or (node.op_type == "Clip" and bool(graph.constants[node.input[1]] >= 0))


def permute_dense_weights(graph: Graph) -> None:
    """Replace the Transpose in front of Flatten and Gemm by a permutation of the Gemm's columns.

    Elementwise activations, and a batch norm that was folded, may stand between them.
    """
    for gemm in [node for node in graph.nodes if node.op_type == "Gemm"]:
        node = only_producer(graph, gemm)
        while node is not None and node.op_type in _ELEMENTWISE:
            node = only_producer(graph, node)
        transpose = only_producer(graph, node) if node is not None and node.op_type == "Flatten" else None
        if transpose is None or transpose.op_type != "Transpose" or transpose.name not in graph.flattened:
            continue
        height, width, channels = graph.flattened[transpose.name]
        weights = graph.constants[gemm.input[1]]
        permuted = weights.reshape(-1, height, width, channels).transpose(0, 3, 1, 2)
        graph.constants[gemm.input[1]] = np.ascontiguousarray(permuted.reshape(weights.shape))
        graph.remove(transpose)


def only_producer(graph: Graph, node: onnx.NodeProto) -> onnx.NodeProto | None:
    """Return the node that computes this node's first input, if no other node reads it and it is no output."""
    tensor = node.input[0]
    if tensor in graph.outputs or graph.uses()[tensor] != 1:
        return None
    return next((producer for producer in graph.nodes if producer.output[0] == tensor), None)
