"""Write the network of this folder that Keras 3 exports, with the counts of Keras itself."""

from __future__ import annotations

import csv
import sys
from math import prod

import keras
from keras import layers

keras.utils.set_random_seed(0)


def network() -> keras.Model:
    """Build a channels-last network: SAME padding, depthwise, dilated, transposed, residual, pooling, Dense."""
    x = inputs = keras.Input((32, 30, 3), name="x")
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="stem")(x)
    x = shortcut = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.Conv2D(8, (1, 3), padding="same", dilation_rate=(1, 2), name="dilated")(x)
    x = layers.Add()([x, shortcut])
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2DTranspose(6, 2, strides=2, padding="same", name="up")(x)
    x = layers.SeparableConv2D(10, 3, activation="relu", name="separable")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(12, activation="silu", name="hidden")(x)
    return keras.Model(inputs, layers.Dense(5, activation="softmax", name="head")(x))


def prune(model: keras.Model) -> int:
    """Set the small weights to zero, and return how many are left."""
    nonzero = 0
    for weight in model.weights:
        if weight.ndim > 1:
            values = keras.ops.convert_to_numpy(weight)
            kept = values * (abs(values) > 0.1)
            weight.assign(kept)
            nonzero += int((kept != 0).sum())
    return nonzero


def macs(model: keras.Model) -> int:
    """Count MACs: a kernel's weights meet every pixel of the output, or of the input if it is transposed."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, layers.SeparableConv2D):
            places = prod(layer.output.shape[1:3])
            total += places * (prod(layer.depthwise_kernel.shape) + prod(layer.pointwise_kernel.shape))
        elif isinstance(layer, layers.Conv2DTranspose):
            total += prod(layer.input.shape[1:3]) * prod(layer.kernel.shape)
        elif isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)):
            total += prod(layer.output.shape[1:3]) * prod(layer.kernel.shape)
        elif isinstance(layer, layers.Dense):
            total += prod(layer.kernel.shape)
    return total


def main() -> None:
    """Write the files, and print their rows of `macs.csv`."""
    model = network()
    nonzero = prune(model)
    file = f"keras-{keras.backend.backend()}.onnx"
    # The exporter needs a model that has been called.
    model(keras.ops.zeros((1, 32, 30, 3)))
    model.export(file, format="onnx", verbose=False)
    csv.writer(sys.stdout, lineterminator="\n").writerow((file, macs(model), nonzero))


if __name__ == "__main__":
    main()
