"""Models as users have them: file kinds, inputs that are no images, wrappers, half precision, channels first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from sqnxt_export import ArtifactOptions, ExportError, ExportSamples, export_model, load_model, open_model
from sqnxt_export.runtimes.full_precision import in_full_precision
from sqnxt_export.runtimes.signatures import run_model, signature_of
from sqnxt_export.runtimes.tensors import seeded_noise

L = keras.layers


def _sequence() -> Any:
    """Build a model of a sequence with layers that the layer converter does not know."""
    steps = keras.Input((12, 4), name="steps")
    x = L.GroupNormalization(2)(L.Conv1D(4, 3)(steps))
    return keras.Model(steps, L.Dense(3)(L.GlobalAveragePooling1D()(x)), name="sequence")


def _volume() -> Any:
    cube = keras.Input((5, 6, 6, 2), name="cube")
    return keras.Model(cube, L.Flatten()(L.Conv3D(3, 3, activation="relu")(cube)), name="volume")


def _two_of_each() -> Any:
    """Build a model with an image and a vector, which returns a vector, a map and the vector's double."""
    image, vector = keras.Input((8, 8, 2), name="zimage"), keras.Input((5,), name="avector")
    conv = L.Conv2D(3, 3, name="conv")(image)
    both = L.Concatenate()([L.Flatten()(conv), L.Dense(4)(vector)])
    outputs = [L.Dense(2, name="second")(both), L.ReLU(name="map")(conv), L.Rescaling(2.0, name="double")(vector)]
    return keras.Model([image, vector], outputs, name="two")


def _augmented() -> Any:
    image = keras.Input((8, 8, 3))
    x = L.RandomContrast(0.2)(L.RandomZoom(0.1)(L.RandomRotation(0.1)(L.RandomFlip()(image))))
    return keras.Model(image, L.Flatten()(L.Conv2D(4, 3, name="conv")(x)), name="augmented")


def _half() -> Any:
    image = keras.Input((8, 8, 3))
    x = L.Conv2D(4, 3, dtype="mixed_float16")(image)
    x = L.BatchNormalization(dtype="mixed_float16")(x)
    return keras.Model(image, L.Dense(3, dtype="float32")(L.Flatten()(x)), name="half")


def _hybrid() -> Any:
    """Build a model of softmax over a sequence and of a vector that becomes an image of one channel."""
    image = keras.Input((8, 8, 3))
    boxes = L.Activation("softmax")(L.Reshape((-1, 4))(L.Conv2D(4, 3)(image)))
    column = L.Conv2D(2, (3, 1))(L.Reshape((4, 1, 1))(L.GlobalAveragePooling1D()(boxes)))
    return keras.Model(image, L.Concatenate()([L.Flatten()(boxes), L.Flatten()(column)]), name="hybrid")


class _Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.conv = L.Conv2D(4, 3, groups=2)

    def call(self, x: Any) -> Any:
        return {
            "values": tf.reduce_sum(self.conv(x), axis=[1, 2]),
            "largest": tf.reduce_max(x, axis=[1, 2, 3])[:, None],
        }


def _subclassed() -> Any:
    model = _Subclassed()
    model(np.zeros((1, 6, 6, 4), np.float32))
    return model


MODELS = {
    builder.__name__.strip("_"): builder
    for builder in (_sequence, _volume, _two_of_each, _augmented, _half, _hybrid, _subclassed)
}


@pytest.mark.parametrize("format", ["onnx", "tflite"])
@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_any_kind_is_exported_and_run(name: str, format: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    model = MODELS[name]()
    inputs = signature_of(model).inputs
    samples = seeded_noise(inputs, 3, seed=1)
    path = tmp_path / f"net.{format}"
    export_model(model, path, ArtifactOptions(format=format), ExportSamples(parity=samples))
    expected = run_model(in_full_precision(model), samples)
    for output, wanted in zip(open_model(path).run_all(samples), expected, strict=True):
        assert output.shape == wanted.shape
        np.testing.assert_allclose(output, wanted, atol=1e-5 * max(1, np.abs(wanted).max()))


@pytest.mark.parametrize("format", ["onnx", "tflite"])
def test_eight_bits_take_what_images_take(format: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    model = _two_of_each()
    inputs = signature_of(model).inputs
    samples = ExportSamples(parity=seeded_noise(inputs, 4, 1), calibration=seeded_noise(inputs, 16, 2))
    path = tmp_path / f"net.{format}"
    export_model(model, path, ArtifactOptions(format=format, precision="int8"), samples)
    assert [info.name for info in open_model(path).inputs] == ["zimage", "avector"]


def test_the_note_says_which_converter_was_used_and_why(tmp_path: Path) -> None:
    model = _sequence()
    samples = ExportSamples(parity=seeded_noise(signature_of(model).inputs, 2))
    notes = export_model(model, tmp_path / "a.onnx", ArtifactOptions(format="onnx"), samples).notes
    assert any("converted by tf2onnx" in note and "Conv1D" in note for note in notes)
    with pytest.raises(ExportError, match="no ONNX equivalent is known for class Conv1D"):
        export_model(model, tmp_path / "b.onnx", ArtifactOptions(format="onnx", converter="layers"), samples)
    with pytest.raises(ExportError, match="TensorFlow's own converter makes TFLite"):
        ArtifactOptions(format="tflite", converter="tf2onnx")


def test_what_neither_converter_knows_is_one_line(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 1))
    model = keras.Model(image, L.Lambda(tf.math.bessel_i0e, name="odd")(image))
    samples = ExportSamples(parity=seeded_noise(signature_of(model).inputs, 2))
    with pytest.raises(ExportError, match=r"'odd'.*tf2onnx does not convert it.*BesselI0e.*no equivalent") as caught:
        export_model(model, tmp_path / "a.onnx", ArtifactOptions(format="onnx"), samples)
    assert "\n" not in str(caught.value)


def test_channels_first_models_take_images_like_any_other(tmp_path: Path) -> None:
    image = keras.Input((3, 10, 10))
    x = L.Conv2D(4, 3, data_format="channels_first", name="conv")(image)
    model = keras.Model(image, [x, L.Flatten(data_format="channels_first")(x)])
    model.save(tmp_path / "first.keras")
    view = load_model(tmp_path / "first.keras")
    assert [info.shape for info in signature_of(view).outputs] == [(8, 8, 4), (256,)]
    samples = seeded_noise(signature_of(view).inputs, 2)
    maps, flat = run_model(view, samples)
    expected = run_model(model, [np.moveaxis(samples[0], -1, 1)])
    np.testing.assert_allclose(np.moveaxis(maps, -1, 1), expected[0], atol=1e-6)
    np.testing.assert_allclose(flat, expected[1], atol=1e-6)
    path = tmp_path / "first.onnx"
    export_model(view, path, ArtifactOptions(format="onnx"), ExportSamples(parity=samples))
    assert open_model(path).inputs[0].shape == (10, 10, 3)


def test_files_of_other_kinds_hold_the_same_model(tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    model = _two_of_each()
    model.save(tmp_path / "net.h5")
    model.save(tmp_path / "folder", save_format="tf")
    samples = seeded_noise(signature_of(model).inputs, 3)
    expected = {
        info.name: values for info, values in zip(signature_of(model).outputs, run_model(model, samples), strict=True)
    }
    for name in ("net.h5", "folder"):
        loaded = load_model(tmp_path / name)
        signature = signature_of(loaded)
        order = [[info.name for info in signature_of(model).inputs].index(info.name) for info in signature.inputs]
        found = run_model(loaded, [samples[place] for place in order])
        for info, values in zip(signature.outputs, found, strict=True):
            np.testing.assert_allclose(values, expected[info.name], atol=1e-6)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_pruning_wrappers_are_stripped(suffix: str, tmp_path: Path) -> None:
    from tensorflow_model_optimization.sparsity import keras as sparsity

    model = keras.Sequential([L.Input((6, 6, 2)), L.Conv2D(4, 3, name="conv"), L.Flatten()])
    wrapped = sparsity.prune_low_magnitude(model, sparsity.PolynomialDecay(0.0, 0.5, 0, 10))
    wrapped.save(tmp_path / f"wrapped.{suffix}")
    loaded = load_model(tmp_path / f"wrapped.{suffix}")
    assert [type(layer).__name__ for layer in loaded.layers] == ["Conv2D", "Flatten"]
    np.testing.assert_array_equal(loaded.layers[0].kernel, wrapped.layers[0].layer.kernel)


def test_a_model_of_fake_quantisation_says_what_to_do(tmp_path: Path) -> None:
    from tensorflow_model_optimization.quantization import keras as quantization

    model = keras.Sequential([L.Input((6, 6, 2)), L.Conv2D(4, 3, name="conv"), L.Flatten()])
    quantization.quantize_model(model).save(tmp_path / "qat.keras")
    with pytest.raises(ExportError, match=r"trained with fake quantisation.*; export the model that the wrappers"):
        load_model(tmp_path / "qat.keras")
