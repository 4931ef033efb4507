"""Small Keras networks with nested models, as transfer learning and siamese designs have them."""

from __future__ import annotations

from typing import Any


def twins(side: int = 8) -> Any:
    """Build two nested models whose layers and variables have the same names, and batch norm across a border.

    The batch norm behind model `a` can only be folded into the convolution inside it.
    """
    import tf_keras as keras

    keras.utils.set_random_seed(3)
    layers = keras.layers

    def nested(name: str) -> Any:
        features = layers.Input((side, side, 8))
        x = layers.Conv2D(8, 3, padding="same", name="conv")(features)
        x = layers.ReLU()(layers.BatchNormalization(name="bn")(x))
        return keras.Model(features, layers.Conv2D(8, 1, name="out")(x), name=name)

    image = layers.Input((side, side, 3))
    x = layers.Conv2D(8, 3, padding="same", name="stem")(image)
    left = layers.BatchNormalization(name="behind_a")(nested("a")(x))
    x = layers.Concatenate()([layers.ReLU()(left), nested("b")(x)])
    return keras.Model(image, layers.Dense(10, name="head")(layers.GlobalAveragePooling2D()(x)), name="twins")


def frozen_backbone(side: int = 8) -> Any:
    """Build transfer learning's usual model: a frozen backbone that is called in inference mode, and a new head."""
    import tf_keras as keras

    keras.utils.set_random_seed(4)
    layers = keras.layers
    features = layers.Input((side, side, 3))
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="first")(features)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    inner_input = layers.Input((side, side, 8))
    inner = keras.Model(inner_input, layers.Conv2D(16, 1, name="first")(inner_input), name="inner")
    backbone = keras.Model(features, inner(x), name="backbone")
    backbone.trainable = False
    image = layers.Input((side, side, 3))
    x = layers.GlobalAveragePooling2D()(backbone(image, training=False))
    return keras.Model(image, layers.Dense(2, name="head")(x))
