"""How tfmot rounds kernels and activations: as the exporters do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

_WEIGHT_LIMIT = 127


def rounded_kernel(values: Any, axes: tuple[int, ...]) -> Any:
    """Return a kernel rounded to 8 bits, symmetric, with a scale for each output channel.

    Args:
        values: The kernel.
        axes: Axes that are not output channels.
    """
    import tensorflow as tf

    largest = tf.reduce_max(tf.abs(values), axis=axes, keepdims=True)
    scale = tf.where(largest > np.finfo(np.float32).tiny * _WEIGHT_LIMIT, largest / _WEIGHT_LIMIT, 1.0)
    return tf.round(values / scale) * scale


def kernel_axes(layer: Any) -> dict[str, tuple[int, ...]]:
    """Return the kernels of a layer that are rounded, and the axes that one scale covers."""
    kind = type(layer).__name__
    rank = len(getattr(layer, "kernel_size", ()))
    spatial = tuple(range(rank))
    if kind == "Dense":
        return {"kernel": (0,)}
    if kind.startswith("DepthwiseConv"):
        return {"depthwise_kernel": spatial}
    if kind in ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"):
        return {"kernel": (*spatial, rank + 1)}
    return {"kernel": (*spatial, rank)} if kind in ("Conv1D", "Conv2D", "Conv3D") else {}


def kernel_config(axes: Mapping[str, tuple[int, ...]]) -> Any:
    """Return tfmot's settings of a layer whose kernels are rounded.

    Once the layer is built, `variables` are its weights: tfmot puts rounded tensors in the place of its kernels.
    """
    return _kernel_config_class()(axes)


def activation_config() -> Any:
    """Return tfmot's settings of a layer whose output is rounded to 8 bits in the range of a moving average."""
    return _activation_config_class()()


@cache
def _kernel_quantizer_class() -> Any:
    import tensorflow as tf
    import tensorflow_model_optimization as tfmot

    class KernelQuantizer(tfmot.quantization.keras.quantizers.Quantizer):
        def __init__(self, axes: tuple[int, ...]) -> None:
            self._axes = axes

        def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
            return {}

        def __call__(self, inputs: Any, training: bool, weights: Any, **kwargs: Any) -> Any:
            return inputs + tf.stop_gradient(rounded_kernel(inputs, self._axes) - inputs)

        def get_config(self) -> dict[str, Any]:
            return {"axes": self._axes}

    return KernelQuantizer


@cache
def _kernel_config_class() -> Any:
    import tensorflow_model_optimization as tfmot

    quantizer = _kernel_quantizer_class()

    class KernelConfig(tfmot.quantization.keras.QuantizeConfig):
        def __init__(self, axes: Mapping[str, tuple[int, ...]]) -> None:
            self._axes = dict(axes)
            self.variables: list[Any] = []

        def get_weights_and_quantizers(self, layer: Any) -> list[Any]:
            self.variables = list(layer.weights)
            return [(getattr(layer, part), quantizer(axes)) for part, axes in self._axes.items()]

        def set_quantize_weights(self, layer: Any, quantize_weights: list[Any]) -> None:
            for part, values in zip(self._axes, quantize_weights, strict=True):
                setattr(layer, part, values)

        def get_activations_and_quantizers(self, layer: Any) -> list[Any]:
            return []

        def set_quantize_activations(self, layer: Any, quantize_activations: list[Any]) -> None:
            """Do nothing: activations are rounded behind the layer."""

        def get_output_quantizers(self, layer: Any) -> list[Any]:
            return []

        def get_config(self) -> dict[str, Any]:
            return {"axes": self._axes}

    return KernelConfig


@cache
def _activation_config_class() -> Any:
    import tensorflow_model_optimization as tfmot

    class ActivationConfig(tfmot.quantization.keras.QuantizeConfig):
        def get_weights_and_quantizers(self, layer: Any) -> list[Any]:
            return []

        def set_quantize_weights(self, layer: Any, quantize_weights: list[Any]) -> None:
            """Do nothing: the layer has no weights."""

        def get_activations_and_quantizers(self, layer: Any) -> list[Any]:
            return []

        def set_quantize_activations(self, layer: Any, quantize_activations: list[Any]) -> None:
            """Do nothing: the output is rounded."""

        def get_output_quantizers(self, layer: Any) -> list[Any]:
            moving = tfmot.quantization.keras.quantizers.MovingAverageQuantizer
            return [moving(num_bits=8, per_axis=False, symmetric=False, narrow_range=False)]

        def get_config(self) -> dict[str, Any]:
            return {}

    return ActivationConfig
