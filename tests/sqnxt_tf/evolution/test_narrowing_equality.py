"""A narrowed network equals the masked one: small random networks, random survivors, and a SqueezeNext."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sqnxt_tf.evolution.channels import trace_channels
from sqnxt_tf.evolution.narrowing import narrow
from sqnxt_tf.networks.keras_ops import build


def residual(layers: Any, x: Any, name: str, norm: bool) -> Any:
    y = layers.Conv2D(x.shape[-1], 1, use_bias=False, name=name)(x)
    y = layers.BatchNormalization(name=f"{name}_bn")(y) if norm else y
    return layers.ReLU()(layers.Add(name=f"{name}_add")([x, y]))


def fire(layers: Any, x: Any, name: str, norm: bool) -> Any:
    x = layers.Conv2D(4, 1, activation="relu", name=f"{name}_squeeze")(x)
    wide = [layers.Conv2D(6, size, padding="same", name=f"{name}_{size}")(x) for size in (1, 3)]
    x = layers.Concatenate(name=f"{name}_concat")([*wide, x])
    return layers.BatchNormalization(name=f"{name}_bn")(x) if norm else x


def conv(layers: Any, x: Any, name: str, norm: bool) -> Any:
    x = layers.Conv2D(8, (3, 1), padding="same", name=name)(x)
    return layers.ReLU()(layers.BatchNormalization(name=f"{name}_bn")(x) if norm else x)


def grouped_depthwise(layers: Any, x: Any, name: str, norm: bool) -> Any:
    return layers.Conv2D(2 * x.shape[-1], 3, groups=x.shape[-1], padding="same", name=name)(x)


def pool(layers: Any, x: Any, name: str, norm: bool) -> Any:
    return layers.MaxPooling2D(2, 1, padding="same")(layers.ZeroPadding2D(1)(x))


# name -> layers, map, name, whether with batch norm -> map
PIECES: dict[str, Callable[[Any, Any, str, bool], Any]] = {
    "conv": conv,
    "depthwise": lambda layers, x, name, norm: layers.DepthwiseConv2D(3, depth_multiplier=2, name=name)(x),
    "fire": fire,
    "grouped": lambda layers, x, name, norm: layers.Conv2D(12, 1, groups=2, activation="relu", name=name)(x),
    "grouped_depthwise": grouped_depthwise,
    "pool": pool,
    "prelu": lambda layers, x, name, norm: layers.PReLU(shared_axes=[1, 2] if norm else None, name=name)(x),
    "residual": residual,
    "separable": lambda layers, x, name, norm: layers.SeparableConv2D(10, 3, depth_multiplier=2, name=name)(x),
}


def flattened(layers: Any, x: Any) -> Any:
    return layers.Flatten()(layers.AveragePooling2D(2)(layers.UpSampling2D(2)(x)))


def transposed(layers: Any, x: Any) -> Any:
    return layers.GlobalMaxPooling2D()(layers.Conv2DTranspose(5, 2, strides=2, name="transposed")(x))


def pooled(layers: Any, x: Any) -> Any:
    x = layers.Reshape((1, 1, x.shape[-1]))(layers.GlobalAveragePooling2D()(x))
    return layers.Flatten()(layers.LeakyReLU()(x))


ENDINGS = {"flattened": flattened, "transposed": transposed, "pooled": pooled}


def random_network(pieces: list[str], ending: str, seed: int, *, norm: bool) -> Any:
    """Return a model of pieces one after another, with random weights and random batch-norm statistics."""
    import tf_keras as keras

    layers = keras.layers
    image = layers.Input((12, 11, 3))
    x = layers.Conv2D(8, 3, padding="same", name="stem")(image)
    for index, piece in enumerate(pieces):
        x = PIECES[piece](layers, x, f"{piece}{index}", norm)
    x = layers.Dense(7, activation="relu", name="hidden")(ENDINGS[ending](layers, x))
    model = keras.Model(image, layers.Dense(3, name="logits")(x))
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        low = 0.2 if type(layer).__name__ == "BatchNormalization" else -0.5
        layer.set_weights([generator.uniform(low, 0.8, value.shape) for value in layer.get_weights()])
    return model


def random_survivors(model: Any, seed: int, share: float) -> dict[str, NDArray[np.bool_]]:
    """Return random masks of all layers with filters, the same for filters of one channel group."""
    channels = trace_channels(model)
    alive = np.random.default_rng(seed).random(channels.group_count) < share
    alive[list(channels.fixed)] = True
    for group_ids in channels.makers.values():
        if not alive[group_ids].any():
            alive[group_ids[0]] = True
    return {name: alive[group_ids] for name, group_ids in channels.makers.items()}


def mask(model: Any, survivors: dict[str, NDArray[np.bool_]]) -> None:
    """Set every weight to zero that makes a channel of a filter which does not survive, in the model itself.

    Knows nothing of how channels are traced. It needs activations that leave zero alone; batch norms of channels that
    are dead are set to zero where they stand.
    """
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
    """Find the removed channels by running a positive image through a copy whose weights are positive or zero.

    A filter of the copy takes a mean: sums would overflow in a deep network, and infinity times zero is not zero.
    """
    import tf_keras as keras

    probe = keras.models.clone_model(model)
    probe.set_weights([(value != 0) * value.shape[-1] / value.size for value in model.get_weights()])
    image = np.ones((1, *model.input_shape[1:]), np.float32)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            copy = probe.get_layer(layer.name)
            read = keras.Model(probe.inputs, copy.input)(image, training=False).numpy()
            kept = read.max(axis=(0, 1, 2)) > 0
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights([gamma * kept, beta * kept, mean * kept, variance])
            copy.set_weights([kept, kept, 0 * kept, np.ones_like(variance)])


def assert_equal_to_masked(model: Any, survivors: dict[str, Any]) -> None:
    narrowed = narrow(model, survivors)
    mask(model, survivors)
    images = np.random.default_rng(0).normal(size=(4, *model.input_shape[1:])).astype(np.float32)
    expected, found = (np.asarray(each(images, training=False)) for each in (model, narrowed))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * max(1.0, float(np.abs(expected).max())))
    widths = {name: np.asarray(kept).sum() for name, kept in survivors.items()}
    assert {name: narrowed.get_layer(name).output_shape[-1] for name in widths} == widths


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    pieces=st.lists(st.sampled_from(sorted(PIECES)), min_size=1, max_size=4),
    ending=st.sampled_from(sorted(ENDINGS)),
    seed=st.integers(0, 1000),
    share=st.floats(0.2, 1),
    norm=st.booleans(),
)
def test_a_narrowed_network_equals_the_masked_one(
    pieces: list[str], ending: str, seed: int, share: float, norm: bool
) -> None:
    model = random_network(pieces, ending, seed, norm=norm)
    assert_equal_to_masked(model, random_survivors(model, seed, share))


def test_squeezenext_narrowed_equals_it_masked() -> None:
    model = build("sqnxt23g_w1", classes=10, input_size=64)
    generator = np.random.default_rng(3)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            layer.set_weights([generator.uniform(0.5, 1, w.shape) for w in layer.get_weights()])
    assert_equal_to_masked(model, random_survivors(model, 4, 0.6))
