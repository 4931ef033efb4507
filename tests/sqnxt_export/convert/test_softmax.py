"""Models that end in a softmax: artifacts return probabilities, and parity still tells good from bad."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras as keras

from sqnxt_export import ArtifactOptions, ExportSamples, compare_outputs, export_model, open_model
from sqnxt_export.convert.softmax import ends_in_softmax, without_softmax

# ruff: noqa: PLW0108 - each layer is made when its test runs

L = keras.layers
KINDS = [("onnx", "float32"), ("onnx", "int8"), ("tflite", "float32"), ("tflite", "int8"), ("tflite", "int16x8")]
ENDS: dict[str, Any] = {
    "dense": lambda x: L.Dense(10, activation="softmax", name="last")(x),
    "activation": lambda x: L.Activation("softmax", name="last")(L.Dense(10)(x)),
    "layer": lambda x: L.Softmax(name="last")(L.Dense(10)(x)),
}


def _model(end: str) -> Any:
    keras.utils.set_random_seed(4)
    image = L.Input((19, 19, 3))
    x = L.GlobalAveragePooling2D()(L.Conv2D(16, 3, activation="relu")(image))
    return keras.Model(image, ENDS[end](x))


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(("format", "precision"), KINDS)
def test_probabilities_come_out_in_float(images: Any, tmp_path: Path, end: str, format: str, precision: str) -> None:
    model, path = _model(end), tmp_path / f"net.{format}"
    options = ArtifactOptions(format=format, precision=precision, layer_noise=True)
    result = export_model(model, path, options, ExportSamples(parity=images[12:], calibration=images[:12]))
    assert {layer.name for layer in result.layers or ()} == {layer.name for layer in model.layers if layer.weights}
    probabilities = open_model(path).run(images[12:])
    expected = model(images[12:]).numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(probabilities, expected, atol=1e-6 if precision == "float32" else 0.02)
    if precision != "float32":  # no multiples of 1/256, as TFLite's integer softmax would give
        assert np.abs(probabilities * 256 - np.round(probabilities * 256)).max() > 0.1
        assert result.parity.max_abs_diff > 1e-5
    assert model(images[:1]).numpy().sum() == pytest.approx(1, abs=1e-5)  # the model is unchanged


def test_the_last_softmax_is_found_and_put_back(images: Any) -> None:
    for end in ENDS:
        model = _model(end)
        assert ends_in_softmax(model)
        with without_softmax(model):
            logits = model(images[:4]).numpy()
        np.testing.assert_allclose(model(images[:4]).numpy(), _softmax(logits), atol=1e-6)


def _softmax(logits: Any) -> Any:
    values = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def test_alike_probabilities_of_a_wrong_graph_do_not_pass() -> None:
    logits = np.random.default_rng(0).normal(0, 0.1, (8, 10)).astype(np.float32)
    right, wrong = _softmax(logits), _softmax(logits[:, ::-1])
    assert np.abs(right - wrong).max() / right.max() < 0.5  # a difference that 8 bits are allowed
    assert not compare_outputs(right, wrong, "int8").passed
    assert compare_outputs(right, _softmax(logits + 0.001), "float32").passed  # a softmax ignores a constant
    assert compare_outputs(right, right, "float32").max_abs_diff == 0


def test_logits_are_compared_as_they_are() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (8, 10)).astype(np.float32)
    assert compare_outputs(logits, logits + 0.5, "float32").max_abs_diff == pytest.approx(0.5, abs=1e-5)
    assert not compare_outputs(_softmax(logits), logits, "int8").passed


def test_probabilities_that_tell_nothing_are_noted(images: Any, tmp_path: Path) -> None:
    model = _model("dense")
    model.get_layer("last").kernel.assign(model.get_layer("last").kernel * 1e-6)
    result = export_model(model, tmp_path / "a.onnx", ArtifactOptions(format="onnx"), ExportSamples(parity=images))
    assert result.parity.passed
    assert "parity proves little" in result.notes[-1]
