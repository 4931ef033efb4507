"""Quantisation-aware training: what is trained is what ships, in both formats, and zeros stay zeros."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from helpers.keras_networks import BUILDERS, randomise
from helpers.nested_networks import twins
from helpers.training import stripes
from sqnxt_export import ArtifactOptions, ExportSamples, LearntRanges, Metadata, export_model, open_model, to_onnx
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.exportable import exportable
from sqnxt_tf.training.fake_quantising import fake_quantised
from sqnxt_tf.training.kernels import kernels
from sqnxt_tf.training.quantised_tensors import quantised_outputs
from sqnxt_tf.training.quantised_training import QuantisedTraining, train_quantised
from sqnxt_tf.training.recipe_files import Recipe
from sqnxt_tf.training.run_options import RunOptions
from sqnxt_tf.training.strategies import make_strategy

RECIPE = Recipe(epochs=2, batch=16, rate=0.02, warmup_rate=0.02, warmup_steps=0, weight_decay=1e-2)


def pruned_model() -> Any:
    """Build nested, grouped, depthwise and separable convolutions and a gate, with 40 % zeros in their kernels."""
    import tf_keras as keras

    keras.utils.set_random_seed(1)
    layers = keras.layers
    features = layers.Input((8, 8, 8))
    x = layers.Conv2D(8, 3, padding="same", groups=2, use_bias=False, name="conv")(features)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    inner = keras.Model(features, x, name="inner")
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="stem")(image)
    x = layers.SeparableConv2D(8, 3, padding="same", activation="tanh", name="separable")(inner(x))
    gate = layers.Dense(8, activation="sigmoid", name="gate")(layers.GlobalAveragePooling2D(name="average")(x))
    x = layers.Multiply(name="gated")([x, layers.Reshape((1, 1, 8))(gate)])
    x = layers.ReLU()(layers.BatchNormalization()(layers.DepthwiseConv2D(3, name="depthwise")(x)))
    x = layers.Dense(2, name="classifier")(layers.Flatten()(layers.MaxPooling2D(2)(x)))
    model = randomise(keras.Model(image, x, name="pruned"))
    randomise(inner)
    return model


@pytest.fixture(scope="module")
def model() -> Any:
    return pruned_model()


@pytest.fixture(scope="module")
def trained(model: Any) -> QuantisedTraining:
    run = RunOptions(strategy=make_strategy("one-device"), seed=3)
    return train_quantised(model, stripes(64, 0), stripes(16, 1), RECIPE, "int8", run)


def test_a_pruned_layer_is_trained_with_rounding_and_stays_pruned() -> None:
    import tf_keras as keras

    image = keras.layers.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, activation="relu", name="conv")(image))
    model = randomise(keras.Model(image, keras.layers.Dense(2, name="classifier")(x)))
    run = RunOptions(strategy=make_strategy("one-device"))
    result = train_quantised(model, stripes(16, 0), stripes(16, 1), replace(RECIPE, epochs=1), "int8", run)
    before, after = model.get_layer("conv").kernel.numpy(), result.model.get_layer("conv").kernel.numpy()
    assert not after[before == 0].any()
    steps = after / (np.abs(after).max(axis=(0, 1, 2)) / 127)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    assert {"input", "conv", "classifier"} < set(result.ranges)


@pytest.mark.slow
def test_zeros_stay_zeros_and_weights_are_on_the_grid(model: Any, trained: QuantisedTraining) -> None:
    before, after = kernels(exportable(model)), kernels(trained.model)
    assert list(before) == list(after)
    for place, variable in after.items():
        first, last = before[place].numpy(), variable.numpy()
        assert not last[first == 0].any(), place
        assert not np.array_equal(first, last), place
    kernel = after["inner/conv/kernel"].numpy()
    steps = kernel / (np.abs(kernel).max(axis=(0, 1, 2)) / 127)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    assert [row["epoch"] for row in trained.history] == [1, 2]


@pytest.mark.slow
def test_every_rounded_activation_has_a_range(trained: QuantisedTraining) -> None:
    assert {"input", "stem", "separable/depthwise", "separable", "separable/tanh", "gate", "gate/sigmoid"} <= set(
        trained.ranges
    )
    assert not {"inner/conv", "depthwise"} & set(trained.ranges)  # their ReLU is part of them
    assert all(low <= 0 < high for low, high in trained.ranges.values())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_the_artifact_computes_what_was_trained(trained: QuantisedTraining, tmp_path: Path, kind: str) -> None:
    metadata = Metadata(extra=LearntRanges(precision="int8", ranges=trained.ranges).to_extra())
    images = ExportSamples(parity=stripes(32, 4).images, calibration=stripes(8, 5).images * 10)  # would spoil ranges
    path = tmp_path / f"net.{kind}"
    result = export_model(
        trained.model, path, ArtifactOptions(format=kind, precision="int8"), images, metadata=metadata, trained=True
    )
    assert any("learnt" in note for note in result.notes)
    assert result.parity.max_rel_diff < 0.08
    logits = open_model(path).run(stripes(32, 4).images)
    expected = trained.rounding(stripes(32, 4).images, training=False).numpy()
    assert np.abs(logits - expected).max() < 0.08 * np.abs(expected).max()
    scales = _scales(path)
    for name in ("input", "stem", "gated"):
        low, high = trained.ranges[name]
        assert min(abs(scales - (high - low) / 255)) < 1e-3 * (high - low) / 255, name


def _scales(path: Path) -> np.ndarray[Any, Any]:
    """Return all scales of activations in an artifact."""
    if path.suffix == ".onnx":
        tensors = onnx.load(path).graph.initializer
        return np.array([onnx.numpy_helper.to_array(t) for t in tensors if t.name.endswith("activation_scale")])
    return np.array([detail["quantization"][0] for detail in _details(path)])


def _details(path: Path) -> list[dict[str, Any]]:
    """Return what LiteRT says of each tensor of a .tflite file."""
    from ai_edge_litert.interpreter import Interpreter

    details: list[dict[str, Any]] = Interpreter(str(path)).get_tensor_details()
    return details


@pytest.mark.slow
def test_a_tflite_file_of_learnt_ranges_computes_in_integers_throughout(tmp_path: Path) -> None:
    model = exportable(randomise(BUILDERS["squeezenext_like"]()))
    ranges = dict.fromkeys([*quantised_outputs(model), "input"], (-8.0, 8.0))
    metadata = Metadata(extra=LearntRanges(precision="int8", ranges=ranges).to_extra())
    images = ExportSamples(
        parity=np.random.default_rng(0).normal(size=(4, *model.input_shape[1:])).astype(np.float32),
        calibration=np.zeros((1, *model.input_shape[1:]), np.float32),
    )
    path = tmp_path / "net.tflite"
    export_model(model, path, ArtifactOptions(format="tflite", precision="int8"), images, metadata=metadata)
    floats = [detail["name"] for detail in _details(path) if detail["dtype"] == np.float32]
    assert len(floats) == 2  # the input and the output


@pytest.mark.parametrize("builder", [*BUILDERS.values(), twins, pruned_model])
def test_an_exportable_model_computes_the_same_and_its_tensors_are_in_the_graph(builder: Any) -> None:
    model = randomise(builder()) if builder in BUILDERS.values() else builder()
    flat = exportable(model)
    images = np.random.default_rng(1).normal(size=(3, *model.input_shape[1:])).astype(np.float32)
    expected = model(images).numpy()
    assert flat(images).numpy() == pytest.approx(expected, abs=1e-5 * float(np.abs(expected).max()))
    nodes = {node.name for node in to_onnx(flat).graph.node}
    assert quantised_outputs(flat) <= nodes


def test_only_weights_are_rounded_for_16_bit_activations(model: Any) -> None:
    fake = fake_quantised(exportable(model), activations=False)
    assert fake.rounders == {}
    images = stripes(8, 2).images
    plain = exportable(model)
    fake.copy_weights_to(plain)
    np.testing.assert_allclose(fake.model(images, training=False), plain(images), atol=1e-6)
    assert np.abs(plain(images).numpy() - model(images).numpy()).max() > 1e-5


@pytest.mark.slow
def test_a_frozen_layer_is_rounded_and_not_trained() -> None:
    frozen = pruned_model()
    frozen.get_layer("stem").trainable = False
    run = RunOptions(strategy=make_strategy("one-device"))
    result = train_quantised(frozen, stripes(32, 0), stripes(16, 1), replace(RECIPE, epochs=1), "int16x8", run)
    before, after = frozen.get_layer("stem").get_weights(), result.model.get_layer("stem").get_weights()
    np.testing.assert_array_equal(before[1], after[1])
    assert np.abs(before[0] - after[0]).max() < np.abs(before[0]).max() / 250


def test_what_cannot_be_trained_so_is_refused(model: Any) -> None:
    run = RunOptions(strategy=make_strategy("one-device"))
    with pytest.raises(SqnxtError, match="set precision to float32"):
        train_quantised(model, stripes(8, 0), stripes(8, 1), replace(RECIPE, precision="mixed_float16"), "int8", run)
