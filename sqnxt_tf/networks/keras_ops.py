"""Networks as Keras layers (`tf_keras`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqnxt_tf.networks.ops import (
    LEAKY_SLOPE,
    NORM_RELU,
    NOTHING,
    Activation,
    Epilogue,
    Kernel,
    Ops,
    Padding,
    kernel_pair,
)
from sqnxt_tf.networks.registry import find_network, input_shape, layer_rows
from sqnxt_tf.networks.rows import overhang, same_pads

_BATCH_NORM_EPSILON = 1e-5  # Caffe's
_BATCH_NORM_MOMENTUM = 0.9  # Keras's 0.99 needs hundreds of steps before the moving statistics mean anything


class KerasOps(Ops[Any]):
    """Applies Keras layers. The initial weights of each layer depend on the seed and on the layer's position alone."""

    def __init__(self, seed: int) -> None:
        import tf_keras

        self._keras = tf_keras
        self._layers = tf_keras.layers
        self._next_seed = 1_000_003 * seed

    def input(self, height: int, width: int, channels: int) -> Any:
        """Return the image that the network reads."""
        return self._layers.Input((height, width, channels), name="input")

    def conv(
        self,
        x: Any,
        filters: int,
        kernel: Kernel,
        *,
        stride: int = 1,
        padding: Padding = "same",
        groups: int = 1,
        then: Epilogue = NOTHING,
        name: str,
    ) -> Any:
        if isinstance(padding, int):
            x = self._layers.ZeroPadding2D(padding, name=f"{name}_pad")(x) if padding else x
            padding = "valid"
        x = self._layers.Conv2D(
            filters,
            kernel_pair(kernel),
            strides=stride,
            padding=padding,
            groups=groups,
            use_bias=then.bias,
            kernel_initializer=self._initializer(then),
            name=name,
        )(x)
        return self._norm_and_activation(x, then, name)

    def depthwise_conv(self, x: Any, kernel: Kernel, *, stride: int = 1, name: str) -> Any:
        x = self._layers.DepthwiseConv2D(
            kernel_pair(kernel),
            strides=stride,
            padding="same",
            use_bias=False,
            depthwise_initializer=self._initializer(NORM_RELU),
            name=name,
        )(x)
        return self._norm_and_activation(x, NORM_RELU, name)

    def max_pool(self, x: Any, size: int, *, stride: int = 2, name: str) -> Any:
        extents = x.shape[1:3]
        bottom, right = (overhang(extent, size, stride) for extent in extents)
        if [same_pads(extent, size, stride) for extent in extents] == [(0, bottom), (0, right)]:
            return self._layers.MaxPooling2D(size, stride, padding="same", name=name)(x)
        if bottom or right:
            x = self._layers.ZeroPadding2D(((0, bottom), (0, right)), name=f"{name}_pad")(x)
        return self._layers.MaxPooling2D(size, stride, name=name)(x)

    def global_average_pool(self, x: Any, *, name: str) -> Any:
        return self._layers.GlobalAveragePooling2D(name=name)(x)

    def dense(self, x: Any, units: int, *, then: Epilogue = NOTHING, name: str) -> Any:
        if len(x.shape) > 2:
            x = self._layers.Flatten(name=f"{name}_flatten")(x)
        x = self._layers.Dense(units, use_bias=then.bias, kernel_initializer=self._initializer(then), name=name)(x)
        return self._norm_and_activation(x, then, name)

    def add(self, xs: Sequence[Any], *, activation: Activation | None = None, name: str) -> Any:
        return self._norm_and_activation(self._layers.Add(name=name)(list(xs)), Epilogue(activation=activation), name)

    def concat(self, xs: Sequence[Any], *, name: str) -> Any:
        return self._layers.Concatenate(name=name)(list(xs))

    def dropout(self, x: Any, rate: float, *, name: str) -> Any:
        return self._layers.Dropout(rate, seed=self._take_seed(), name=name)(x)

    def _norm_and_activation(self, x: Any, then: Epilogue, name: str) -> Any:
        if then.batch_norm:
            x = self._layers.BatchNormalization(
                momentum=_BATCH_NORM_MOMENTUM, epsilon=_BATCH_NORM_EPSILON, name=f"{name}_bn"
            )(x)
        if then.activation == "relu":
            return self._layers.ReLU(name=f"{name}_relu")(x)
        if then.activation == "leaky_relu":
            return self._layers.LeakyReLU(LEAKY_SLOPE, name=f"{name}_leaky")(x)
        return x

    def _initializer(self, then: Epilogue) -> Any:
        """Return Xavier's initializer as in the paper, or He's before a ReLU without batch norm.

        A ReLU halves the variance of the signal, and no batch norm restores it: with Xavier's weights, SqueezeNet's
        logits of images in -1..1 are too near zero to learn from. (The published solvers use Xavier's on pixels of 0 to
        255, which are large enough to make up for it.)
        """
        fades = then.activation is not None and not then.batch_norm
        initial = self._keras.initializers.HeUniform if fades else self._keras.initializers.GlorotUniform
        return initial(seed=self._take_seed())

    def _take_seed(self) -> int:
        self._next_seed += 1
        return self._next_seed % 2**31


def build(name: str, *, classes: int = 1000, input_size: int | tuple[int, int] | None = None, seed: int = 0) -> Any:
    """Build a network as a `tf_keras.Model` with random weights: float32 NHWC images in, logits out.

    Args:
        name: Our name (`sqnxt23v5_w1`) or the paper's (`1.0-SqNxt-23v5`); `list_networks` gives both.
        classes: Number of classes.
        input_size: Side of the input in pixels, or (height, width); by default the network's own.
        seed: Seed of the initial weights.

    Raises:
        SqnxtError: The name is unknown, or the input is too small for the network.
    """
    layer_rows(name, classes=classes, input_size=input_size)  # refuses what cannot be built, with the same messages
    network = find_network(name)
    height, width = input_shape(network, input_size)
    ops = KerasOps(seed)
    image = ops.input(height, width, 3)
    logits = network.define(ops, image, classes)
    return ops._keras.Model(image, logits, name=network.name)
