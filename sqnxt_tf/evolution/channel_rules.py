"""How each class of Keras layer treats the channels that it reads. A class without a rule fixes them.

Worked example, for a block on an input x of 8 channels: a 1x1 convolution to 4 filters, a depthwise 3x3 convolution,
a 1x1 convolution to 8 filters, and x added to it.

    x            groups 0..7
    1x1 to 4     reads 0..7, and its filters make the new groups 8..11
    depthwise    reads 8..11 and passes them on: removing group 9 removes its second filter too
    1x1 to 8     reads 8..11, and its filters make the new groups 12..19
    add          joins 0 with 12, 1 with 13, ...: what is removed from one side is removed from the other
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from sqnxt_tf.evolution.channels import GroupIds, LayerChannels, Tracer, listed

Rule = Callable[[Tracer, Any, list[GroupIds], Any], GroupIds | None]
"""Maps tracer, layer, groups of the inputs and node to the groups of the output; None if there is no narrower form."""

_NAMES = """
    ActivityRegularization AlphaDropout AveragePooling2D Cropping2D Dropout ELU GaussianDropout GaussianNoise
    GlobalAveragePooling2D GlobalMaxPooling2D LeakyReLU MaxPooling2D ReLU SpatialDropout2D ThresholdedReLU UpSampling2D
    ZeroPadding2D
"""
_PASSING = frozenset(_NAMES.split())


def apply_rule(tracer: Tracer, node: Any, inputs: list[GroupIds], *, shared: bool) -> list[GroupIds]:
    """Return the groups of all outputs of a node. A layer without a narrower form fixes its inputs and outputs."""
    layer, outputs = node.layer, listed(node.outputs)
    kind = type(layer).__name__
    tracer.layers.setdefault(layer.name, LayerChannels(name=layer.name, widths={}))
    if node.is_input:
        images = [tracer.new(tensor.shape[-1]) for tensor in outputs]
        tracer.fix(np.concatenate(images), "it is an input of the model")
        return images
    rule = _passing if kind in _PASSING else _RULES.get(kind)
    channels_last = getattr(layer, "data_format", "channels_last") == "channels_last"
    if rule is not None and not shared and channels_last and len(outputs) == 1:
        made = rule(tracer, layer, inputs, node)
        if made is not None:
            return [made]
    why = "is called more than once" if shared else f"is a {kind} without a narrower form"
    reason = f"layer {layer.name!r}, which reads or makes it, {why}"
    tracer.layers[layer.name] = _whole(layer)
    return [tracer.opaque(inputs, tensor.shape[-1], reason) for tensor in outputs]


def _whole(layer: Any) -> LayerChannels:
    """Return the channels of a layer that keeps all its weights."""
    shapes = tuple(tuple(variable.shape) for variable in layer.weights)
    return LayerChannels(
        name=layer.name, widths={}, variables=tuple((None,) * len(shape) for shape in shapes), shapes=shapes
    )


def _record(tracer: Tracer, layer: Any, variables: list[tuple[GroupIds | None, ...]], **channels: Any) -> None:
    """Record the groups along the axes of a layer's weights."""
    shapes = tuple(tuple(variable.shape) for variable in layer.weights)
    channels.setdefault("widths", {})
    tracer.layers[layer.name] = LayerChannels(name=layer.name, variables=tuple(variables), shapes=shapes, **channels)


def _mixes(layer: Any) -> bool:
    """Return whether the activation makes a channel's value depend on the other channels."""
    return getattr(getattr(layer, "activation", None), "__name__", "") in ("softmax", "log_softmax", "softmax_v2")


def _passing(_tracer: Tracer, _layer: Any, inputs: list[GroupIds], _node: Any) -> GroupIds:
    return inputs[0]


def _activation(_tracer: Tracer, layer: Any, inputs: list[GroupIds], _node: Any) -> GroupIds | None:
    return None if _mixes(layer) else inputs[0]


def _rescaling(_tracer: Tracer, layer: Any, inputs: list[GroupIds], _node: Any) -> GroupIds | None:
    return inputs[0] if np.ndim(layer.scale) == 0 and np.ndim(layer.offset) == 0 else None


def _batch_norm(tracer: Tracer, layer: Any, inputs: list[GroupIds], node: Any) -> GroupIds | None:
    rank = len(node.keras_inputs[0].shape)
    if [axis % rank for axis in listed(layer.axis)] != [rank - 1]:
        return None
    _record(tracer, layer, [(inputs[0],)] * len(layer.weights))
    return inputs[0]


def _prelu(tracer: Tracer, layer: Any, inputs: list[GroupIds], _node: Any) -> GroupIds:
    (alpha,) = layer.weights
    own = alpha.shape[-1] == len(inputs[0]) and len(alpha.shape) not in (layer.shared_axes or ())
    _record(tracer, layer, [(*(None,) * (len(alpha.shape) - 1), inputs[0] if own else None)])
    return inputs[0]


def _convolution(tracer: Tracer, layer: Any, inputs: list[GroupIds], _node: Any) -> GroupIds | None:
    if _mixes(layer):
        return None
    read, made, groups = inputs[0], tracer.new(layer.filters), layer.groups
    widths = {"filters": made}
    seen: GroupIds | None = read
    if groups > 1 and len(read) == groups:  # depthwise: a filter is removed with the only channel that it reads
        tracer.join(np.repeat(read, layer.filters // groups), made)
        widths["groups"], seen = read, None
    elif groups > 1:  # all parts keep the same places, so that they stay equally wide
        seen = read[: len(read) // groups]
        for group_ids in (read, made):
            for part in group_ids.reshape(groups, -1)[1:]:
                tracer.join(group_ids[: len(part)], part)
    _record(tracer, layer, [(None, None, seen, made), *[(made,)] * layer.use_bias], made=made, widths=widths)
    return made


def _transposed(tracer: Tracer, layer: Any, inputs: list[GroupIds], _node: Any) -> GroupIds | None:
    if _mixes(layer) or layer.groups > 1:
        return None
    made = tracer.new(layer.filters)
    variables = [(None, None, made, inputs[0]), *[(made,)] * layer.use_bias]
    _record(tracer, layer, variables, made=made, widths={"filters": made})
    return made


def _depthwise(tracer: Tracer, layer: Any, inputs: list[GroupIds], _node: Any) -> GroupIds | None:
    if _mixes(layer):
        return None
    made = np.repeat(inputs[0], layer.depth_multiplier)
    _record(tracer, layer, [(None, None, inputs[0], None), *[(made,)] * layer.use_bias], made=made)
    return made


def _separable(tracer: Tracer, layer: Any, inputs: list[GroupIds], _node: Any) -> GroupIds | None:
    if _mixes(layer):
        return None
    made, between = tracer.new(layer.filters), np.repeat(inputs[0], layer.depth_multiplier)
    variables = [(None, None, inputs[0], None), (None, None, between, made), *[(made,)] * layer.use_bias]
    _record(tracer, layer, variables, made=made, widths={"filters": made}, kernel=1)
    return made


def _dense(tracer: Tracer, layer: Any, inputs: list[GroupIds], _node: Any) -> GroupIds | None:
    if _mixes(layer):
        return None
    made = tracer.new(layer.units)
    _record(tracer, layer, [(inputs[0], made), *[(made,)] * layer.use_bias], made=made, widths={"units": made})
    return made


def _elementwise(tracer: Tracer, layer: Any, inputs: list[GroupIds], node: Any) -> GroupIds | None:
    """Handle sums, products and the like: channels at one place join; a single channel for all others is fixed."""
    if len({len(tensor.shape) for tensor in node.keras_inputs}) > 1:
        return None
    widest = max(inputs, key=len)
    for group_ids in inputs:
        if len(group_ids) == len(widest):
            tracer.join(widest, group_ids)
        else:
            tracer.fix(group_ids, f"layer {layer.name!r} repeats it for every channel")
    return widest


def _concatenate(tracer: Tracer, layer: Any, inputs: list[GroupIds], node: Any) -> GroupIds | None:
    rank = len(node.keras_inputs[0].shape)
    return np.concatenate(inputs) if layer.axis % rank == rank - 1 else _elementwise(tracer, layer, inputs, node)


def _flatten(_tracer: Tracer, _layer: Any, inputs: list[GroupIds], node: Any) -> GroupIds | None:
    places = node.keras_inputs[0].shape[1:-1]
    return None if None in places else np.tile(inputs[0], prod(places))


def _reshape(tracer: Tracer, layer: Any, inputs: list[GroupIds], node: Any) -> GroupIds | None:
    """Handle a reshape that does not change the last axis, as in 1024 -> 1x1x1024."""
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
    **dict.fromkeys(("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"), _elementwise),
}
