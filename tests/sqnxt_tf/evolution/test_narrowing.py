"""Every family of networks can be narrowed; what cannot be removed is refused by name."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.evolution.channels import trace_channels
from sqnxt_tf.evolution.narrowing import narrow, prepare_narrowing
from sqnxt_tf.networks.keras_ops import build


@pytest.mark.parametrize(
    "network",
    ["squeezenet_v1_1", "squeezenet_v1_0_complex_bypass", "sqnxt23v5_w1", "sqnxt23g_w1", "mobilenet_w1", "alexnet"],
)
def test_every_family_is_narrowed_and_its_parameters_are_counted_beforehand(network: str) -> None:
    model = build(network, classes=10, input_size=96 if network == "alexnet" else 64)
    channels = trace_channels(model)
    alive = np.random.default_rng(1).random(channels.group_count) < 0.5
    alive[list(channels.fixed)] = True
    narrowed = prepare_narrowing(model, channels, alive)()
    assert channels.parameters(channels.whole()) == model.count_params()
    assert channels.parameters(alive) == narrowed.count_params() < 0.5 * model.count_params()
    assert set(channels.fixed.values()) == {"it is an input of the model", "it is an output of the model"}
    assert narrowed.output_shape == model.output_shape


@pytest.fixture
def model() -> Any:
    """Return a model with two branches that are added, a shared layer, and a softmax over channels."""
    import tf_keras as keras

    layers = keras.layers
    image = layers.Input((8, 8, 3))
    ours, theirs = (layers.Conv2D(4, 3, name=name)(image) for name in ("ours", "theirs"))
    x = layers.Add()([ours, theirs])
    twice = layers.Conv2D(4, 1, name="twice")
    x = twice(twice(layers.Conv2D(4, 1, name="before")(x)))
    x = layers.Conv2D(4, 1, activation="softmax", name="gate")(layers.Conv2D(4, 1, name="free")(x))
    return keras.Model(image, layers.Dense(3, name="logits")(layers.GlobalAveragePooling2D()(x)), name="small")


NOT_ALL = [True, False, True, True]


@pytest.mark.parametrize(
    ("survivors", "fault"),
    [
        ({"ours": NOT_ALL, "theirs": [True] * 4}, "'theirs': filter 1 survives, and filter 1 of 'ours'"),
        (
            {"before": NOT_ALL},
            "'before': filter 1 cannot be removed (layer 'twice', which reads or makes it, is called more than once)",
        ),
        (
            {"free": NOT_ALL},
            "'free': filter 1 cannot be removed (layer 'gate', which reads or makes it, is a Conv2D without a narrower "
            "form)",
        ),
        ({"logits": [True, False, True]}, "'logits': filter 1 cannot be removed (it is an output of the model)"),
        ({"gate": NOT_ALL}, "'gate': does not exist, or its filters cannot be removed"),
        ({"our": NOT_ALL}, "did you mean ours?"),
        ({"ours": [True] * 3}, "'ours': has 4 filters, and its mask is bool [3]"),
        ({"ours": [1, 0, 1, 1]}, "give one boolean for each filter"),
        ({"ours": [False] * 4}, "'ours': has no surviving filter"),
    ],
)
def test_what_cannot_be_narrowed_is_refused_by_name(model: Any, survivors: dict[str, Any], fault: str) -> None:
    with pytest.raises(SqnxtError, match=re.escape(fault)):
        narrow(model, {name: np.array(kept) for name, kept in survivors.items()})


def test_a_layer_that_is_not_named_is_in_the_group_of_what_it_is_added_to(model: Any) -> None:
    narrowed = narrow(model, {"ours": np.array(NOT_ALL)})
    assert narrowed.get_layer("theirs").filters == narrowed.get_layer("ours").filters == 3
    assert narrowed.get_layer("before").kernel.shape == (1, 1, 3, 4)
    np.testing.assert_array_equal(
        narrowed.get_layer("theirs").kernel, np.delete(model.get_layer("theirs").kernel.numpy(), 1, axis=3)
    )


def test_a_model_that_is_not_functional_is_refused() -> None:
    import tf_keras as keras

    class Own(keras.Model):  # type: ignore[misc]
        pass

    with pytest.raises(SqnxtError, match="is not a functional model"):
        narrow(Own(), {})
