from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sqnxt_tf.training.preparing import plain_copy, prepared
from sqnxt_tf.training.recipe_files import DIGITS


def nested_model() -> Any:
    import tf_keras as keras

    layers = keras.layers
    features = layers.Input((4, 4, 2))
    inner = keras.Model(features, layers.BatchNormalization(name="norm")(features), name="inner")
    image = layers.Input((4, 4, 2))
    x = layers.BatchNormalization(name="norm")(inner(layers.Conv2D(2, 1)(image)))
    return keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))


def layers_of(model: Any) -> list[Any]:
    return [layer for outer in model.layers for layer in (outer.layers if hasattr(outer, "layers") else [outer])]


def test_a_plain_recipe_leaves_the_model_alone() -> None:
    model = nested_model()
    assert prepared(model, DIGITS) is model


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16", "float32"])
def test_a_model_is_prepared_and_plain_again_with_the_same_weights(precision: Any) -> None:
    model = nested_model()
    model.set_weights([np.random.default_rng(0).random(part.shape) for part in model.get_weights()])
    changed = prepared(model, replace(DIGITS, precision=precision, synchronized_batch_norm=True))
    plain = plain_copy(changed)
    assert {layer.dtype_policy.name for layer in layers_of(changed) if layer.weights} == {precision}
    assert {layer.dtype_policy.name for layer in layers_of(plain)} == {"float32"}
    norms = [[layer for layer in layers_of(each) if layer.name == "norm"] for each in (changed, plain)]
    assert [[norm.synchronized for norm in found] for found in norms] == [[True, True], [False, False]]
    for ours, theirs in zip(plain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    image = np.random.default_rng(1).random((2, 4, 4, 2)).astype(np.float32)
    np.testing.assert_array_equal(plain(image), model(image))
