"""SavedModel folders and Keras 3's own exports: functions, their order, and what is refused before it runs."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from sqnxt_export import ArtifactOptions, ExportError, ExportSamples, export_model, load_model, open_model
from sqnxt_export.artifact.keras3_classes import check_keras3_classes, in_float32
from sqnxt_export.runtimes.signatures import run_model, signature_of
from sqnxt_export.runtimes.tensors import seeded_noise


class _Module(tf.Module):
    """A module with two functions; the second is traced for one sample."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = tf.Variable([1.0, 2.0, 3.0])

    @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32, name="x")])
    def scaled(self, x: Any) -> Any:
        return {"y_10": x + 1.0, "y_2": x * self.scale}

    @tf.function(input_signature=[tf.TensorSpec((1, 3), tf.float32, name="x")])
    def one(self, x: Any) -> Any:
        return {"y": x * self.scale}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    module = _Module()
    signatures = {"scaled": module.scaled, "one": module.one}
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=signatures)
    return tmp_path / "saved"


@pytest.mark.parametrize("format", ["onnx", "tflite"])
def test_a_function_of_a_folder_is_exported(folder: Path, format: str, tmp_path: Path) -> None:
    model = load_model(folder, signature="scaled")
    assert [info.name for info in signature_of(model).outputs] == ["y_2", "y_10"]
    samples = seeded_noise(signature_of(model).inputs, 3)
    path = tmp_path / f"net.{format}"
    export_model(model, path, ArtifactOptions(format=format), ExportSamples(parity=samples))
    second, tenth = open_model(path).run_all(samples)
    np.testing.assert_allclose(second, samples[0] * [1, 2, 3], atol=1e-6)
    np.testing.assert_allclose(tenth, samples[0] + 1, atol=1e-6)


def test_a_function_for_one_sample_runs_any_number(folder: Path) -> None:
    model = load_model(folder, signature="one")
    samples = seeded_noise(signature_of(model).inputs, 3)
    np.testing.assert_allclose(run_model(model, samples)[0], samples[0] * [1, 2, 3])


def test_a_folder_says_which_functions_it_has(folder: Path) -> None:
    with pytest.raises(ExportError, match="has the signatures one, scaled; give `signature`"):
        load_model(folder)
    with pytest.raises(ExportError, match="has no signature 'two'; give one of: one, scaled"):
        load_model(folder, signature="two")


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: tf.io.read_file("/etc/hostname"),
        lambda x: tf.io.write_file("/tmp/never", "text"),
        lambda x: tf.py_function(lambda: "ran", [], tf.string),
        lambda x: tf.raw_ops.PrintV2(input="text"),
    ],
)
def test_operations_that_reach_beyond_the_model_are_refused_unrun(operation: Any, tmp_path: Path) -> None:
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32)])
    def call(x: Any) -> Any:
        with tf.control_dependencies([operation(x)]):
            return {"y": tf.identity(x)}

    tf.saved_model.save(module, str(tmp_path / "hostile"), signatures=call)
    with pytest.raises(ExportError, match=r"refused, since operation '.*' in it reaches beyond the model"):
        load_model(tmp_path / "hostile")


def test_damaged_folders_are_one_line(folder: Path) -> None:
    graph = folder / "saved_model.pb"
    whole = graph.read_bytes()
    for data in (b"", b"\xff" * 64, whole[:100]):
        graph.write_bytes(data)
        with pytest.raises(ExportError) as caught:
            load_model(folder, signature="one")
        assert "\n" not in str(caught.value)


def _object(name: str, module: str | None, **more: Any) -> dict[str, Any]:
    return {"class_name": name, "module": module, "config": {}, "registered_name": None, **more}


@pytest.mark.parametrize(
    "hostile",
    [
        _object("Lambda", "keras.layers"),
        _object("TFSMLayer", "keras.layers"),
        _object("TorchModuleWrapper", "keras.layers"),
        _object("StringLookup", "keras.layers"),
        _object("Dense", "os"),
        _object("Dense", "keras.layers", registered_name="mine>Dense"),
        _object("Map", "keras.src.ops.core"),
        _object("function", "builtins", config="eval"),
        _object("function", "os", config="system"),
        _object("function", "keras.activations", config="relu", registered_name="mine>relu"),
        _object("get_file", "keras.utils"),
    ],
)
def test_keras_3_is_never_asked_to_make_what_is_not_listed(hostile: dict[str, Any]) -> None:
    wrapped = {"class_name": "Sequential", "module": "keras", "config": {"layers": [{"deep": [hostile]}]}}
    with pytest.raises(ExportError, match="is not on the list of safe Keras classes"):
        check_keras3_classes(Path("net.keras"), wrapped)


def test_policies_of_half_precision_become_float32() -> None:
    policy = _object("DTypePolicy", "keras", config={"name": "mixed_float16"})
    assert in_float32({"layers": [{"dtype": policy}]})["layers"][0]["dtype"]["config"]["name"] == "float32"


@pytest.mark.slow
def test_what_only_keras_3_can_load_is_exported_by_keras_3(tmp_path: Path) -> None:
    import keras

    image = keras.Input((8, 8, 4), name="image")
    x = keras.layers.GroupNormalization(2)(keras.layers.Conv2D(4, 3, groups=2, dtype="mixed_float16")(image))
    x = keras.ops.einsum("abcd->abd", keras.layers.RMSNormalization()(x))
    model = keras.Model(image, keras.layers.Dense(3, dtype="float32")(keras.layers.Flatten()(x)))
    for suffix in ("keras", "h5") if not _has_operations(model) else ("keras",):
        model.save(tmp_path / f"net.{suffix}")
        loaded = load_model(tmp_path / f"net.{suffix}")
        samples = seeded_noise(signature_of(loaded).inputs, 3)
        np.testing.assert_allclose(run_model(loaded, samples)[0], model.predict(samples[0], verbose=0), atol=2e-2)
        for format in ("onnx", "tflite"):
            path = tmp_path / f"{suffix}.{format}"
            export_model(loaded, path, ArtifactOptions(format=format), ExportSamples(parity=samples))


def _has_operations(model: Any) -> bool:
    return any(".ops." in type(operation).__module__ for operation in model.operations)


def test_a_keras_3_file_with_a_class_that_is_not_listed_starts_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import h5py

    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_dataset("layers/dense/vars/0", data=np.zeros(3))
    config = {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "net", "layers": [_object("Lambda", "keras.layers")]},
    }
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.9.0"}))
        archive.write(tmp_path / "w.h5", "model.weights.h5")
    monkeypatch.setattr("subprocess.run", lambda *a, **k: pytest.fail("a process was started"))
    with pytest.raises(ExportError, match="not on the list of safe Keras classes"):
        load_model(tmp_path / "net.keras")
