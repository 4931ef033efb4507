"""Small Keras networks: three with every construct that the exporters must handle, and one for the digits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sqnxt_export import Metadata, Preprocessing, save_keras

SIDE = 19


def _conv(layers: Any, x: Any, filters: int, kernel: Any, name: str, **options: Any) -> Any:
    x = layers.Conv2D(filters, kernel, use_bias=False, padding=options.pop("padding", "same"), name=name, **options)(x)
    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def squeezenext_like() -> Any:
    """Build a network for the exporters.

    It has ceil-style pooling, grouped and separable convolutions, a projected and a plain shortcut, no bias at the end.
    """
    import tf_keras as keras

    layers = keras.layers
    image = layers.Input((SIDE, SIDE, 3), name="image")
    x = _conv(layers, image, 16, 5, "stem", strides=2, padding="valid")
    x = layers.MaxPooling2D(3, 2, padding="same", name="pool")(x)
    for index, (stride, project) in enumerate([(1, False), (2, True)]):
        name = f"block{index}"
        shortcut = _conv(layers, x, 16, 1, f"{name}_shortcut", strides=stride) if project else x
        y = _conv(layers, x, 8, 1, f"{name}_squeeze1", strides=stride, groups=2)
        y = _conv(layers, y, 4, 1, f"{name}_squeeze2")
        y = _conv(layers, y, 8, (3, 1), f"{name}_3x1", groups=2)
        y = _conv(layers, y, 8, (1, 3), f"{name}_1x3", groups=2)
        y = _conv(layers, y, 16, 1, f"{name}_expand")
        x = layers.ReLU(name=name)(layers.Add(name=f"{name}_add")([shortcut, y]))
    x = _conv(layers, x, 12, 1, "head")
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(image, layers.Dense(10, use_bias=False, name="logits")(x), name="squeezenext_like")


def alexnet_like() -> Any:
    """Build a network for the exporters.

    It has biases, fused activations, concatenation, dropout, Flatten, dense layers and a batch norm that is not folded.
    """
    import tf_keras as keras

    layers = keras.layers
    image = layers.Input((SIDE, SIDE, 3), name="input")
    x = layers.Conv2D(12, 3, strides=2, padding="same", activation="relu", name="conv1")(image)
    x = layers.MaxPooling2D(3, 2, name="pool1")(x)
    left = layers.Conv2D(8, 1, activation="relu", name="expand1x1")(x)
    right = layers.Conv2D(8, 3, padding="same", activation="relu", groups=2, name="expand3x3")(x)
    x = layers.Concatenate(name="concat")([left, right])
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.AveragePooling2D(2, 2, padding="same", name="pool2")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(0.5, name="dropout")(x)
    x = layers.Dense(20, activation="relu", name="fc1")(x)
    return keras.Model(image, layers.Dense(10, name="fc2")(x), name="alexnet_like")


def mobilenet_like() -> Any:
    """Build a network for the exporters.

    It has depthwise and separable convolutions, padding as a layer, capped and leaky activations, kept dimensions.
    """
    import tf_keras as keras

    layers = keras.layers
    image = layers.Input((SIDE, SIDE, 3), name="image")
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name="pad")(image)
    x = layers.Conv2D(8, 3, strides=2, use_bias=False, name="conv")(x)
    x = layers.BatchNormalization(name="conv_bn")(x)
    x = layers.ReLU(6.0, name="conv_relu6")(x)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False, name="depthwise")(x)
    x = layers.BatchNormalization(name="depthwise_bn")(x)
    x = layers.LeakyReLU(0.1, name="depthwise_leaky")(x)
    x = layers.SeparableConv2D(12, 3, padding="same", activation="tanh", name="separable")(x)
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    gate = layers.Conv2D(12, 1, activation="sigmoid", name="excite")(gate)
    x = layers.Multiply(name="scale")([x, gate])
    x = layers.Cropping2D(((1, 0), (0, 1)), name="crop")(x)
    x = layers.GlobalAveragePooling2D(keepdims=True, name="average")(x)
    x = layers.Conv2D(10, 1, name="classes")(x)
    return keras.Model(image, layers.Reshape((10,), name="logits")(x), name="mobilenet_like")


BUILDERS: dict[str, Callable[[], Any]] = {
    builder.__name__: builder for builder in (squeezenext_like, alexnet_like, mobilenet_like)
}


def randomise(model: Any) -> Any:
    """Give a model batch statistics as after training, and set 40 % of its kernels' weights to zero."""
    rng = np.random.default_rng(7)
    for layer in model.layers:
        values = layer.get_weights()
        if type(layer).__name__ == "BatchNormalization":
            scale, shift, mean, variance = values
            values = [
                rng.uniform(0.7, 1.3, scale.shape),
                rng.normal(0, 0.2, shift.shape),
                rng.normal(0, 0.2, mean.shape),
                rng.uniform(0.6, 1.4, variance.shape),
            ]
        elif values:
            values = [v * (rng.random(v.shape) > 0.4) if v.ndim > 1 else rng.normal(0, 0.1, v.shape) for v in values]
        layer.set_weights(values)
    return model


def save_dense(
    path: Path,
    *,
    seed: int = 1,
    classes: int = 10,
    labels: tuple[str, ...] = tuple("0123456789"),
    data: str = "digits/test",
) -> Path:
    """Save a small untrained network for the digits."""
    import tf_keras as keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    image = layers.Input((8, 8, 3))
    x = layers.BatchNormalization(momentum=0.9)(layers.Conv2D(16, 3, padding="same", name="stem")(image))
    x = layers.Conv2D(16, 3, groups=2, name="grouped")(layers.ReLU()(x))
    x = layers.Dense(classes, name="classifier")(layers.GlobalAveragePooling2D()(x))
    metadata = Metadata(labels=labels, preprocessing=Preprocessing.plain(8, 8), data=data)
    save_keras(keras.Model(image, x), path, metadata)
    return path
