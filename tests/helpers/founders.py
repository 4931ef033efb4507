"""Small untrained models that an evolution can begin with."""

from __future__ import annotations

from pathlib import Path

from sqnxt_export import Metadata, Preprocessing, save_keras


def write_founder(path: Path, labels: str = "0123456789") -> Path:
    """Write a fire module, dropout and a residual addition with batch norm, at 8x8 pixels, and return the path."""
    import tf_keras as keras

    keras.utils.set_random_seed(5)
    layers = keras.layers
    image = layers.Input((8, 8, 3))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(12, 3, padding="same", name="stem")(image)))
    wide = [layers.Conv2D(6, size, padding="same", name=f"expand{size}")(x) for size in (1, 3)]
    x = layers.Dropout(0.3)(layers.ReLU()(layers.Add()([x, layers.Concatenate()(wide)])))
    logits = layers.Dense(len(labels), name="classifier")(layers.GlobalAveragePooling2D()(x))
    metadata = Metadata(labels=tuple(labels), preprocessing=Preprocessing.plain(8, 8))
    save_keras(keras.Model(image, logits), path, metadata)
    return path
