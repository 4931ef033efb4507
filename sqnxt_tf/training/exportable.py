"""A model in the layers that its artifacts have, so that what is trained is what ships."""

from __future__ import annotations

from typing import Any

from sqnxt_tf.training.flattening import Chain, cloned, flat_copy
from sqnxt_tf.training.folding import fold_batch_norm
from sqnxt_tf.training.quantised_tensors import activation_of
from sqnxt_tf.training.quantizers import kernel_axes

_FUSED = ("linear", "relu", "relu6")


def exportable(model: Any) -> Any:
    """Return a flat copy of a model whose layers are those of its artifacts.

    Batch norm is folded, a separable convolution is a depthwise and a pointwise one, and an activation that runtimes do
    not fuse is a layer of its own, called `<layer>/<activation>`, since the values between them are rounded too.
    """
    return flat_copy(fold_batch_norm(model), _split)


def _split(layer: Any, name: str) -> Any:
    """Return a copy of a layer, divided where its artifact has a value in between."""
    import tf_keras as keras

    kind, config = type(layer).__name__, layer.get_config()
    if kind == "SeparableConv2D":
        shared = {key: config[key] for key in ("trainable", "dtype", "data_format")}
        spatial = ("kernel_size", "strides", "padding", "dilation_rate", "depth_multiplier")
        pointwise = ("filters", "activation", "use_bias")
        return Chain(
            [
                keras.layers.DepthwiseConv2D(
                    **{key: config[key] for key in spatial}, **shared, use_bias=False, name=f"{name}/depthwise"
                ),
                *_activated(
                    keras.layers.Conv2D(**{key: config[key] for key in pointwise}, **shared, kernel_size=1, name=name)
                ),
            ]
        )
    parts = _activated(cloned(layer, name))
    return parts[0] if len(parts) == 1 else Chain(parts)


def _activated(layer: Any) -> list[Any]:
    """Return a layer with a kernel, and its activation apart from it unless runtimes fuse the two."""
    import tf_keras as keras

    activation = activation_of(layer)
    if not kernel_axes(layer) or activation in _FUSED:
        return [layer]
    plain = type(layer).from_config({**layer.get_config(), "activation": "linear"})
    return [plain, keras.layers.Activation(activation, name=f"{layer.name}/{activation}")]
