"""A tf_keras model that rounds its activations in fixed ranges, as the integer artifact does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqnxt_export.quantise.learnt_ranges import INPUT


def with_rounded_activations(model: Any, ranges: Mapping[str, tuple[float, float]]) -> Any:
    """Return a model of the same layers whose activations are rounded to 8 bits.

    TensorFlow's converter takes the ranges of these operators for the scales of the .tflite file, and rounds the
    weights itself.

    Args:
        model: A functional model without nested models; its layers are called again and share their weights.
        ranges: The range of each rounded activation, by the name of its layer.
    """
    import tf_keras as keras

    tensors: dict[int, Any] = {}
    inputs = [
        keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)
        for tensor, name in zip(model.inputs, model.input_names, strict=True)
    ]
    for tensor, given in zip(model.inputs, inputs, strict=True):
        tensors[id(tensor)] = _rounded(given, ranges.get(INPUT))
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input:
                continue
            # map_arguments takes one element of the list for each time that a tensor is read
            read = {str(id(tensor)): [tensors[id(tensor)]] * len(node.keras_inputs) for tensor in node.keras_inputs}
            arguments, keywords = node.map_arguments(read)
            value = node.layer(*arguments, **keywords)
            tensors[id(node.outputs)] = _rounded(value, ranges.get(node.layer.name))
    result = keras.Model(inputs, [tensors[id(tensor)] for tensor in model.outputs], name=model.name)
    result.output_names = list(model.output_names)
    return result


def _rounded(tensor: Any, limits: tuple[float, float] | None) -> Any:
    import tensorflow as tf

    if limits is None or limits[0] == limits[1]:  # an activation that is always zero
        return tensor
    return tf.quantization.fake_quant_with_min_max_args(tensor, min=limits[0], max=limits[1])
