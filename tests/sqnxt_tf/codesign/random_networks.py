"""Small random networks, random survivors, and the masked network that a narrowed one must equal."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.codesign.channels import trace_channels

PIECES = ("conv", "grouped", "depthwise", "grouped_depthwise", "separable", "residual", "fire", "pool", "prelu")


def random_network(pieces: list[str], ending: str, seed: int, *, norm: bool) -> Any:
    """Convolutions, fire modules and residual additions in any order; every weight random, statistics too."""
    import tf_keras as keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    image = x = layers.Input((9, 8, 3))
    x = layers.Conv2D(8, 3, padding="same", name="stem")(x)
    for index, piece in enumerate(pieces):
        name, width = f"{piece}{index}", x.shape[-1]
        if piece == "conv":
            x = layers.ReLU()(layers.Conv2D(6 + 2 * (index % 3), (3, 1), padding="same", name=name)(x))
        elif piece == "grouped":
            x = layers.Conv2D(12, 3, groups=2, padding="same", activation="relu", name=name)(x)
        elif piece == "depthwise":
            x = layers.DepthwiseConv2D(3, depth_multiplier=1 + index % 2, padding="same", name=name)(x)
        elif piece == "grouped_depthwise":
            x = layers.Conv2D(2 * width, 3, groups=width, padding="same", name=name)(x)
        elif piece == "separable":
            x = layers.SeparableConv2D(10, 3, depth_multiplier=2, padding="same", name=name)(x)
        elif piece == "residual":
            y = layers.Conv2D(width, 1, use_bias=False, name=name)(x)
            y = layers.BatchNormalization(name=f"{name}_bn")(y) if norm else y
            x = layers.ReLU()(layers.Add(name=f"{name}_add")([x, y]))
        elif piece == "fire":
            x = layers.Conv2D(4, 1, activation="relu", name=f"{name}_squeeze")(x)
            wide = [layers.Conv2D(6, size, padding="same", name=f"{name}_{size}")(x) for size in (1, 3)]
            x = layers.Concatenate(name=f"{name}_concat")([*wide, x])
        elif piece == "pool":
            x = layers.MaxPooling2D(2, 1, padding="same")(layers.ZeroPadding2D(1)(x))
        elif piece == "prelu":
            x = layers.PReLU(shared_axes=[1, 2] if index % 2 else None, name=name)(x)
        if norm and piece in ("conv", "fire", "grouped", "depthwise"):
            x = layers.BatchNormalization(name=f"{name}_norm")(x)
    if ending == "flatten":
        x = layers.Flatten()(layers.AveragePooling2D(4)(x))
    elif ending == "transposed":
        x = layers.GlobalMaxPooling2D()(layers.Conv2DTranspose(5, 2, strides=2, name="transposed")(x))
    else:
        x = layers.Reshape((1, 1, x.shape[-1]))(layers.GlobalAveragePooling2D()(x))
        x = layers.Flatten()(layers.LeakyReLU()(x))
    x = layers.Dense(7, activation="relu", name="hidden")(x)
    model = keras.Model(image, layers.Dense(3, name="logits")(x))
    generator = np.random.default_rng(seed)
    model.set_weights([generator.uniform(0.2, 1, value.shape).astype(np.float32) for value in model.get_weights()])
    for layer in model.layers:
        if type(layer).__name__ != "BatchNormalization":
            layer.set_weights([generator.normal(0, 0.3, w.shape).astype(np.float32) for w in layer.get_weights()])
    return model


def random_survivors(model: Any, seed: int, share: float) -> dict[str, NDArray[np.bool_]]:
    """Masks of all layers with filters, those that share a fate alike."""
    channels = trace_channels(model)
    alive = np.random.default_rng(seed).random(channels.fates) < share
    alive[list(channels.fixed)] = True
    for fates in channels.makers.values():
        if not alive[fates].any():
            alive[fates[0]] = True
    return {name: alive[fates] for name, fates in channels.makers.items()}


def mask(model: Any, survivors: dict[str, NDArray[np.bool_]]) -> None:
    """Set to zero, in the model itself, every weight that makes a channel of a filter that does not survive.

    Knows nothing of how channels are traced. It needs activations that leave zero alone; batch norms of channels that
    are dead are set to zero where they stand.
    """
    import tf_keras as keras

    for name, kept in survivors.items():
        layer = model.get_layer(name)
        *front, last = layer.get_weights()
        values = [*front, last] if layer.use_bias else [*front, last, np.zeros(len(kept), np.float32)]
        if type(layer).__name__ == "Conv2DTranspose":
            values[-2] = values[-2] * kept[:, None]
        else:
            values[-2] = values[-2] * kept.reshape(values[-2].shape[-2:] if "Depthwise" in type(layer).__name__ else -1)
        values[-1] = values[-1] * kept
        layer.set_weights(values if layer.use_bias else values[:-1])
    _mask_norms(model)


def _mask_norms(model: Any) -> None:
    """Find the dead channels by letting a positive image through a copy whose weights are positive or zero."""
    import tf_keras as keras

    probe = keras.models.clone_model(model)
    probe.set_weights([np.abs(value) for value in model.get_weights()])
    image = np.ones((1, *model.input_shape[1:]), np.float32)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            copy = probe.get_layer(layer.name)
            read = keras.Model(probe.inputs, copy.input)(image, training=False).numpy()
            kept = read.max(axis=(0, 1, 2)) > 0
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights([gamma * kept, beta * kept, mean * kept, variance])
            copy.set_weights([kept, kept, 0 * kept, variance])
