"""What each class of Keras layer does to the channels that it reads; a class without a rule fixes them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from sqnxt_tf.evolution.channels import Fates, LayerChannels, Tracer, listed

Rule = Callable[[Tracer, Any, list[Fates], Any], Fates | None]
"""Tracer, layer, fates read, node -> fates of the output; None where the layer's settings have no narrower form."""

_NAMES = """
    ActivityRegularization AlphaDropout AveragePooling2D Cropping2D Dropout ELU GaussianDropout GaussianNoise
    GlobalAveragePooling2D GlobalMaxPooling2D LeakyReLU MaxPooling2D ReLU SpatialDropout2D ThresholdedReLU UpSampling2D
    ZeroPadding2D
"""
_PASSING = frozenset(_NAMES.split())


def apply_rule(tracer: Tracer, node: Any, inputs: list[Fates], *, shared: bool) -> list[Fates]:
    """The fates of all outputs of a node; whatever has no narrower form fixes what it reads and makes."""
    layer, outputs = node.layer, listed(node.outputs)
    kind = type(layer).__name__
    tracer.layers.setdefault(layer.name, LayerChannels(name=layer.name, widths={}))
    if node.is_input:
        images = [tracer.new(tensor.shape[-1]) for tensor in outputs]
        tracer.fix(np.concatenate(images), "they are the model's input")
        return images
    rule = _passing if kind in _PASSING else _RULES.get(kind)
    channels_last = getattr(layer, "data_format", "channels_last") == "channels_last"
    if rule is not None and not shared and channels_last and len(outputs) == 1:
        fates = rule(tracer, layer, inputs, node)
        if fates is not None:
            return [fates]
    why = "is called more than once" if shared else f"is a {kind} that has no narrower form"
    reason = f"{layer.name}, which they meet, {why}"
    tracer.layers[layer.name] = _whole(layer)
    return [tracer.opaque(inputs, tensor.shape[-1], reason) for tensor in outputs]


def _whole(layer: Any) -> LayerChannels:
    """A layer that stays as it is, every weight of it."""
    shapes = tuple(tuple(variable.shape) for variable in layer.weights)
    return LayerChannels(
        name=layer.name, widths={}, variables=tuple((None,) * len(shape) for shape in shapes), shapes=shapes
    )


def _record(tracer: Tracer, layer: Any, variables: list[tuple[Fates | None, ...]], **channels: Any) -> None:
    """Remember the axes of a layer's weights."""
    shapes = tuple(tuple(variable.shape) for variable in layer.weights)
    channels.setdefault("widths", {})
    tracer.layers[layer.name] = LayerChannels(name=layer.name, variables=tuple(variables), shapes=shapes, **channels)


def _mixes(layer: Any) -> bool:
    """Whether its activation lets a channel's value depend on the others."""
    return getattr(getattr(layer, "activation", None), "__name__", "") in ("softmax", "log_softmax", "softmax_v2")


def _passing(_tracer: Tracer, _layer: Any, inputs: list[Fates], _node: Any) -> Fates:
    return inputs[0]


def _activation(_tracer: Tracer, layer: Any, inputs: list[Fates], _node: Any) -> Fates | None:
    return None if _mixes(layer) else inputs[0]


def _rescaling(_tracer: Tracer, layer: Any, inputs: list[Fates], _node: Any) -> Fates | None:
    return inputs[0] if np.ndim(layer.scale) == 0 and np.ndim(layer.offset) == 0 else None


def _batch_norm(tracer: Tracer, layer: Any, inputs: list[Fates], node: Any) -> Fates | None:
    rank = len(node.keras_inputs[0].shape)
    if [axis % rank for axis in listed(layer.axis)] != [rank - 1]:
        return None
    _record(tracer, layer, [(inputs[0],)] * len(layer.weights))
    return inputs[0]


def _prelu(tracer: Tracer, layer: Any, inputs: list[Fates], _node: Any) -> Fates:
    (alpha,) = layer.weights
    own = alpha.shape[-1] == len(inputs[0]) and len(alpha.shape) not in (layer.shared_axes or ())
    _record(tracer, layer, [(*(None,) * (len(alpha.shape) - 1), inputs[0] if own else None)])
    return inputs[0]


def _convolution(tracer: Tracer, layer: Any, inputs: list[Fates], _node: Any) -> Fates | None:
    if _mixes(layer):
        return None
    read, made, groups = inputs[0], tracer.new(layer.filters), layer.groups
    widths = {"filters": made}
    seen: Fates | None = read
    if groups > 1 and len(read) == groups:  # a depthwise one: a filter falls with the only channel that it reads
        tracer.join(np.repeat(read, layer.filters // groups), made)
        widths["groups"], seen = read, None
    elif groups > 1:  # all groups keep the same places, so that they stay equally wide
        seen = read[: len(read) // groups]
        for fates in (read, made):
            for group in fates.reshape(groups, -1)[1:]:
                tracer.join(fates[: len(group)], group)
    _record(tracer, layer, [(None, None, seen, made), *[(made,)] * layer.use_bias], made=made, widths=widths)
    return made


def _transposed(tracer: Tracer, layer: Any, inputs: list[Fates], _node: Any) -> Fates | None:
    if _mixes(layer) or layer.groups > 1:
        return None
    made = tracer.new(layer.filters)
    variables = [(None, None, made, inputs[0]), *[(made,)] * layer.use_bias]
    _record(tracer, layer, variables, made=made, widths={"filters": made})
    return made


def _depthwise(tracer: Tracer, layer: Any, inputs: list[Fates], _node: Any) -> Fates | None:
    if _mixes(layer):
        return None
    made = np.repeat(inputs[0], layer.depth_multiplier)
    _record(tracer, layer, [(None, None, inputs[0], None), *[(made,)] * layer.use_bias], made=made)
    return made


def _separable(tracer: Tracer, layer: Any, inputs: list[Fates], _node: Any) -> Fates | None:
    if _mixes(layer):
        return None
    made, between = tracer.new(layer.filters), np.repeat(inputs[0], layer.depth_multiplier)
    variables = [(None, None, inputs[0], None), (None, None, between, made), *[(made,)] * layer.use_bias]
    _record(tracer, layer, variables, made=made, widths={"filters": made}, kernel=1)
    return made


def _dense(tracer: Tracer, layer: Any, inputs: list[Fates], _node: Any) -> Fates | None:
    if _mixes(layer):
        return None
    made = tracer.new(layer.units)
    _record(tracer, layer, [(inputs[0], made), *[(made,)] * layer.use_bias], made=made, widths={"units": made})
    return made


def _meeting(tracer: Tracer, layer: Any, inputs: list[Fates], node: Any) -> Fates | None:
    """Sums, products and the like: channels of one place share their fate; one for all must stay."""
    if len({len(tensor.shape) for tensor in node.keras_inputs}) > 1:
        return None
    widest = max(inputs, key=len)
    for fates in inputs:
        if len(fates) == len(widest):
            tracer.join(widest, fates)
        else:
            tracer.fix(fates, f"{layer.name} repeats it for every channel")
    return widest


def _concatenate(tracer: Tracer, layer: Any, inputs: list[Fates], node: Any) -> Fates | None:
    rank = len(node.keras_inputs[0].shape)
    return np.concatenate(inputs) if layer.axis % rank == rank - 1 else _meeting(tracer, layer, inputs, node)


def _flatten(_tracer: Tracer, _layer: Any, inputs: list[Fates], node: Any) -> Fates | None:
    places = node.keras_inputs[0].shape[1:-1]
    return None if None in places else np.tile(inputs[0], prod(places))


def _reshape(tracer: Tracer, layer: Any, inputs: list[Fates], node: Any) -> Fates | None:
    """One that leaves the last axis alone, as in 1024 -> 1x1x1024."""
    if listed(node.outputs)[0].shape[-1] != len(inputs[0]):
        return None
    _record(tracer, layer, [], widths={"target_shape": inputs[0]})
    return inputs[0]


_RULES: dict[str, Rule] = {
    "Activation": _activation,
    "BatchNormalization": _batch_norm,
    "Concatenate": _concatenate,
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed,
    "Dense": _dense,
    "DepthwiseConv2D": _depthwise,
    "Flatten": _flatten,
    "PReLU": _prelu,
    "Rescaling": _rescaling,
    "Reshape": _reshape,
    "SeparableConv2D": _separable,
    **dict.fromkeys(("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"), _meeting),
}
