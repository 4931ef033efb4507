""".keras files saved by Keras 3: they are rebuilt with every weight, or refused with the name of the obstacle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from sqnxt_export import ExportError, load_keras, nonzero_fraction, save_keras, to_onnx

_MAKE = """
import sys, numpy, keras
from keras import layers as L
folder = sys.argv[1]
image = L.Input((15, 15, 3), name="image")

def small():
    x = L.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="stem")(image)
    x = L.ReLU(6.0, name="stem_relu")(L.BatchNormalization(name="stem_bn")(x))
    y = L.DepthwiseConv2D(3, padding="same", activation="relu6", name="depthwise")(x)
    y = L.SeparableConv2D(8, 3, padding="same", activation="hard_silu", name="separable")(y)
    x = L.Add(name="sum")([x, y])
    x = keras.Sequential([L.Conv2D(8, 1, groups=2), L.BatchNormalization(trainable=False)], name="inner")(x)
    x = L.LeakyReLU(0.2)(L.MaxPooling2D(2)(x)) * 0.5 + 1.0
    x = L.Dropout(0.3)(L.Activation("hard_sigmoid", name="gate")(x))
    shared = L.Conv2D(8, 1, activation="silu", name="shared")
    x = L.Concatenate()([shared(x), shared(shared(x))])
    x = L.LayerNormalization()(L.PReLU("random_normal", shared_axes=[1, 2])(x))
    x = L.Dense(6, kernel_regularizer="l2", name="fc")(L.GlobalAveragePooling2D(name="average")(x))
    return keras.Model(image, L.Softmax()(x), name="small")

def sequential():
    layers = [L.Input((15, 15, 3)), L.Rescaling(1 / 255), L.Conv2D(4, 3, activation="elu"), L.Flatten(), L.Dense(3)]
    return keras.Sequential(layers, name="line")

def normalised():
    layer = L.Normalization()
    layer.adapt(numpy.random.default_rng(0).uniform(0, 9, (20, 15, 15, 3)))
    return keras.Model(image, L.Flatten()(layer(image)))

OTHERS = {
    "own": lambda: L.Lambda(lambda x: x + 1, name="own")(image),
    "celu": lambda: L.Activation("celu", name="odd")(image),
    "half": lambda: L.Conv2D(2, 1, dtype="mixed_float16", name="halved")(image),
    "clip": lambda: keras.ops.clip(image, 0, 1),
    "rms": lambda: L.LayerNormalization(rms_scaling=True, name="rms")(image),
}
random = numpy.random.default_rng(5)
images = random.normal(size=(3, 15, 15, 3)).astype("float32")
numpy.save(f"{folder}/images.npy", images)
for build in (small, sequential, normalised):
    model = build()
    for layer in model.layers:
        if not isinstance(layer, L.Normalization):
            layer.set_weights([random.uniform(0.1, 0.9, w.shape) for w in layer.get_weights()])
    model.compile("adam", "mse")
    model.save(f"{folder}/{build.__name__}.keras")
    numpy.save(f"{folder}/{build.__name__}.npy", model.predict(images, verbose=0))
for name, build in OTHERS.items():
    keras.Model(image, build()).save(f"{folder}/{name}.keras")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write files with Keras 3 in a process of its own, with the logits of its models."""
    path = tmp_path_factory.mktemp("keras3")
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    code = [sys.executable, "-c", textwrap.dedent(_MAKE), str(path)]
    subprocess.run(code, env=environment, capture_output=True, check=True, timeout=300)
    return path


@pytest.mark.parametrize("name", ["small", "sequential", "normalised"])
def test_a_rebuilt_model_answers_as_keras_3_did(folder: Path, tmp_path: Path, name: str) -> None:
    images, expected = np.load(folder / "images.npy"), np.load(folder / f"{name}.npy")
    model = load_keras(folder / f"{name}.keras")
    np.testing.assert_allclose(model(images, training=False).numpy(), expected, atol=1e-5)
    save_keras(model, tmp_path / "again.keras")
    np.testing.assert_allclose(load_keras(tmp_path / "again.keras")(images).numpy(), expected, atol=1e-5)
    assert to_onnx(model).graph.node


def test_layers_keep_their_names(folder: Path) -> None:
    model = load_keras(folder / "small.keras")
    assert model.name == "small"
    names = {layer.name for layer in model.layers}
    assert {"stem", "stem_bn", "depthwise", "separable", "sum", "inner", "shared", "fc"} <= names
    assert nonzero_fraction(folder / "small.keras") == 1.0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("own", "'own' of class 'Lambda'"),
        ("celu", "'odd' has activation 'celu'"),
        ("half", "'halved' has numbers of type 'mixed_float16'"),
        ("clip", "of class 'Clip' from 'keras.src.ops.numpy'"),
        ("rms", "'rms' has rms_scaling of 'True'"),
    ],
)
def test_what_cannot_be_rebuilt_is_named(folder: Path, name: str, words: str) -> None:
    with pytest.raises(ExportError, match="saved by Keras 3, layer") as caught:
        load_keras(folder / f"{name}.keras")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def _changed(
    source: Path,
    target: Path,
    config: Callable[[dict[str, Any]], Any] = lambda config: None,
    weights: Callable[[Any], Any] = lambda file: None,
) -> Path:
    """Copy a .keras file with its config or its weights changed."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    values = json.loads(members["config.json"])
    config(values)
    members["config.json"] = json.dumps(values).encode()
    inner = target.with_suffix(".h5")
    inner.write_bytes(members["model.weights.h5"])
    with h5py.File(inner, "a") as file:
        weights(file)
    members["model.weights.h5"] = inner.read_bytes()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target


def _layer(config: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(layer for layer in config["config"]["layers"] if layer["config"]["name"] == name)
    return found


def _reshape(file: Any) -> None:
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = np.zeros((6, 16), "f4")


def _swap(file: Any) -> None:
    file["layers/dense/vars"].attrs["name"] = "other"


def _spare(file: Any) -> None:
    file["layers/spare/vars/0"] = np.zeros(3, "f4")


def _infinite(file: Any) -> None:
    file["layers/dense/vars/1"][...] = np.inf


def _drop(file: Any) -> None:
    del file["layers/dense/vars/0"]


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (_reshape, "'fc' has weights of shapes"),
        (_swap, "are of layer 'other', not of 'fc'"),
        (_spare, "'layers/spare/vars/0' belong to no layer"),
        (_infinite, "'fc' has weights that are not finite"),
        (_drop, "weights of layer 'fc' are not complete"),
        (lambda file: file.pop("layers/dense"), "'fc' has weights of shapes"),
    ],
)
def test_every_weight_is_accounted_for(folder: Path, tmp_path: Path, weights: Any, words: str) -> None:
    with pytest.raises(ExportError, match=words):
        load_keras(_changed(folder / "small.keras", tmp_path / "a.keras", weights=weights))


@pytest.mark.parametrize(
    ("layer", "change", "words"),
    [
        ("fc", {"module": "evil_module"}, "from 'evil_module' has no equal"),
        ("fc", {"class_name": "Evil"}, "of class 'Evil'"),
        ("fc", {"module": "keras.src.ops.numpy", "class_name": "eval"}, "of class 'eval'"),
        ("fc", {"inbound_nodes": [{"args": [{"class_name": "Evil"}], "kwargs": {}}]}, "is called with"),
        ("fc", {"inbound_nodes": [{"args": [], "kwargs": {"x": "evil"}}]}, "is called with"),
        ("fc", {"inbound_nodes": []}, "its output_layers are|belong to no layer|are missing"),
        ("fc", {"config": {"name": "fc", "units": 1 << 40}}, "more weights than the file holds"),
        ("fc", {"config": {"name": "fc", "units": {"class_name": "Evil"}}}, "units, an object"),
        ("fc", {"config": {"name": "fc", "evil": 1}}, "tf_keras cannot make layer 'fc'"),
        ("image", {"config": {"name": "image", "batch_shape": [None, -1]}}, "an input has the shape"),
    ],
)
def test_a_hostile_config_is_one_line(
    folder: Path, tmp_path: Path, layer: str, change: dict[str, Any], words: str
) -> None:
    path = _changed(
        folder / "small.keras", tmp_path / "a.keras", config=lambda config: _layer(config, layer).update(change)
    )
    with pytest.raises(ExportError, match=words) as caught:
        load_keras(path)
    assert "\n" not in str(caught.value)
    assert "evil_module" not in sys.modules


def test_calls_in_a_circle_are_refused(folder: Path, tmp_path: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        _layer(config, "stem")["inbound_nodes"] = _layer(config, "sum")["inbound_nodes"]

    with pytest.raises(ExportError, match="are missing"):
        load_keras(_changed(folder / "small.keras", tmp_path / "a.keras", config=change))


def test_augmentation_of_keras_3_does_nothing(tmp_path: Path) -> None:
    from sqnxt_export.artifact.keras3_config import IDLE_AT_INFERENCE, plan_layer

    for kind in IDLE_AT_INFERENCE:
        layer = {"class_name": kind, "module": "keras.layers", "config": {"name": "augment", "factor": 0.1}}
        assert plan_layer(tmp_path / "net.keras", layer).kind == "Identity"
