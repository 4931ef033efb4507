"""What settings mean for the layers of a model."""

from __future__ import annotations

from typing import Any

import pytest

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.kernels import count_zeros, prunable_layers
from sqnxt_tf.training.pruning_plan import Pruning, PruningPlan, make_plan


def odd_model() -> Any:
    """Every kind of kernel, a nested model, and layers that tfmot does not know."""
    import tf_keras as keras

    layers = keras.layers
    features = layers.Input((8, 8, 8))
    x = layers.Conv2D(8, 3, padding="same", name="first")(features)
    x = layers.SeparableConv2D(8, 3, padding="same", name="separable")(layers.PReLU(shared_axes=[1, 2])(x))
    nested = keras.Model(features, x, name="nested")
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same", name="stem")(layers.Rescaling(0.5)(image))
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(nested(x))
    x = layers.Conv2D(8, 3, groups=2, name="grouped")(x)
    x = layers.Conv2DTranspose(8, 3, name="up")(x)
    x = layers.Dropout(0.1)(layers.Flatten()(x))
    x = layers.Dense(8, activation="relu", name="pixels")(x)
    return keras.Model(image, layers.Dense(2, name="classifier")(x), name="odd")


@pytest.fixture(scope="module")
def model() -> Any:
    return odd_model()


def plan(model: Any, **settings: Any) -> PruningPlan:
    return make_plan(model, Pruning(**settings))


def test_every_kernel_but_depthwise_ones_is_pruned_by_the_papers_40_percent(model: Any) -> None:
    found = plan(model)
    names = ["stem", "nested/first", "nested/separable", "grouped", "up", "pixels", "classifier"]
    assert found.sparsities == dict.fromkeys(names, 0.4)
    assert found.dense == {"depthwise": "DepthwiseConv2D is not pruned"}
    assert [zeros.name for zeros in count_zeros(model)] == [
        "stem", "nested/first", "nested/separable/depthwise", "nested/separable", "depthwise", "grouped", "up",
        "pixels", "classifier",
    ]  # fmt: skip


def test_layers_are_left_out_and_told_apart_by_pattern(model: Any) -> None:
    found = plan(
        model,
        sparsity=0.5,
        excluded=("stem", "*/separable"),
        layer_sparsity={"nested/*": 0.6, "*ixels": 0.9, "p*": 0.8},
    )
    assert found.sparsities == {"nested/first": 0.6, "grouped": 0.5, "up": 0.5, "pixels": 0.8, "classifier": 0.5}
    assert found.dense["stem"] == "left out by 'stem'"
    assert found.dense["nested/separable"] == "left out by '*/separable'"


def test_a_pattern_of_n_of_m_leaves_out_what_cannot_keep_it(model: Any) -> None:
    found = plan(model, pattern="1:4")
    assert found.sparsities == dict.fromkeys(["nested/first", "nested/separable", "grouped", "classifier"], 0.75)
    assert found.dense["stem"] == "3 input channels are not a multiple of 4"
    assert "flattened image" in found.dense["pixels"]
    assert "transposed" in found.dense["up"]
    assert "grouped" in plan(model, pattern="2:8").dense  # four input channels in each of its groups


def test_a_vector_that_is_no_image_keeps_its_order() -> None:
    import tf_keras as keras

    layers = keras.layers
    image = layers.Input((1, 1, 8))
    x = layers.Dense(8, name="one_pixel")(layers.Flatten()(image))
    other = layers.Input((4, 4, 8))
    y = layers.Dense(8, name="pooled")(layers.BatchNormalization()(layers.GlobalAveragePooling2D()(other)))
    z = layers.Dense(8, name="joined")(layers.Concatenate()([x, layers.Flatten()(other)]))
    found = plan(keras.Model([image, other], [y, z]), pattern="2:4")
    assert list(found.sparsities) == ["one_pixel", "pooled"]


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [("stm", "did you mean stem"), ("nested/frist", "did you mean nested/first"), ("x_y_z", "there are stem, nested/")],
)
def test_a_pattern_that_matches_nothing_is_refused_with_what_it_could_have_meant(
    model: Any, pattern: str, hint: str
) -> None:
    for settings in ({"excluded": (pattern,)}, {"layer_sparsity": {pattern: 0.5}}):
        with pytest.raises(SqnxtError, match=f"{pattern}': matches no layer that can be pruned; {hint}"):
            plan(model, **settings)


def test_depthwise_layers_cannot_be_asked_for(model: Any) -> None:
    with pytest.raises(SqnxtError, match="matches no layer that can be pruned"):
        plan(model, layer_sparsity={"depthwise": 0.5})


def test_leaving_out_everything_is_refused(model: Any) -> None:
    with pytest.raises(SqnxtError, match="odd: no layer is left to prune"):
        plan(model, excluded=("*",))


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        *(({"sparsity": sparsity}, "out of range") for sparsity in (0.0, 1.0, -0.4, 40, float("nan"))),
        ({"layer_sparsity": {"stem": 1.5}}, "out of range"),
        ({"ramp": (0.0, 0.5)}, "is for the polynomial schedule only"),
        *(({"schedule": "polynomial", "ramp": ramp}, "out of range") for ramp in ((0.5, 0.5), (-0.1, 0.5), (0.5, 1.1))),
        *(({"pattern": pattern}, "is not N:M") for pattern in ("4:2", "2:2", "0:4", "2", "2:4:8", "-1:4", "")),
        ({"pattern": "2:4", "sparsity": 0.5}, "sets its own sparsity"),
        ({"pattern": "2:4", "layer_sparsity": {"stem": 0.5}}, "sets its own sparsity"),
        ({"pattern": "2:4", "schedule": "polynomial"}, "prunes once"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(SqnxtError, match=fault):
        Pruning(**settings)


def test_prunable_layers_are_those_that_exist_once(model: Any) -> None:
    assert list(prunable_layers(model)) == list(plan(model).sparsities)
