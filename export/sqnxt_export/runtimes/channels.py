"""Channels-first models, seen with their channels last, as images and .tflite files have them."""

from __future__ import annotations

from typing import Any

from sqnxt_export._libraries import require


def is_channels_first(model: Any) -> bool:
    """Tell whether a layer of a Keras model, at any depth, works on channels-first data."""
    layers = model._flatten_layers() if hasattr(model, "_flatten_layers") else ()
    return any(getattr(layer, "data_format", None) == "channels_first" for layer in layers)


def channels_last_view(model: Any) -> Any:
    """Return a model that computes the same from channels-last images, and returns maps channels last.

    A model whose layers are channels-last is returned as it is.
    """
    if not getattr(model, "_is_graph_network", False) or not is_channels_first(model):
        return model
    keras = require("tf_keras", "to load a model")
    inputs, given = [], []
    for name, tensor in zip(model.input_names, model.inputs, strict=True):
        sides = tuple(tensor.shape[1:])
        if len(sides) == 3:
            inputs.append(keras.Input((*sides[1:], sides[0]), dtype=tensor.dtype, name=name))
            given.append(keras.layers.Permute((3, 1, 2), name=f"{name}_channels_first")(inputs[-1]))
        else:
            inputs.append(keras.Input(sides, dtype=tensor.dtype, name=name))
            given.append(inputs[-1])
    flat = require("tensorflow", "to load a model").nest
    outputs = [
        keras.layers.Permute((2, 3, 1), name=f"{name}_channels_last")(tensor) if len(tensor.shape) == 4 else tensor
        for name, tensor in zip(
            model.output_names, flat.flatten(model(flat.pack_sequence_as(model._nested_inputs, given))), strict=True
        )
    ]
    return keras.Model(inputs, outputs[0] if len(outputs) == 1 else outputs, name=f"{model.name}_channels_last")
