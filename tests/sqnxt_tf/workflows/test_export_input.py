"""What a model says of its images goes into its artifacts, and what is assumed is said in both places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.broken_images import write_broken_folder
from sqnxt_export import Metadata, Preprocessing, open_model, read_metadata, save_keras
from sqnxt_tf import SqnxtError, export, verify
from sqnxt_tf.sources import open_source
from sqnxt_tf.workflows.evolve import evolve
from sqnxt_tf.workflows.prune import prune
from sqnxt_tf.workflows.prune_scan import scan_sensitivity

SIDE = 10


def _model(*first: Any, classes: int = 10) -> Any:
    import tf_keras as keras

    keras.utils.set_random_seed(4)
    layers = keras.layers
    x = image = keras.Input((SIDE, SIDE, 3))
    for layer in first:
        x = layer(x)
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(x)
    return keras.Model(image, layers.Dense(classes)(layers.Flatten()(x)))


@pytest.fixture(scope="module")
def rescaling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a model that rescales pixels itself, without metadata."""
    import tf_keras as keras

    path = tmp_path_factory.mktemp("rescaling") / "own.keras"
    save_keras(_model(keras.layers.Rescaling(1 / 127.5, -1)), path)
    return path


def test_a_model_that_rescales_itself_gets_pixels_and_no_mean(rescaling: Path, tmp_path: Path) -> None:
    """ImageNet's mean was baked into its artifact before, under a parity of 100 %."""
    source = open_source(str(rescaling))
    raw = Preprocessing.plain(SIDE).raw()
    assert (source.image_input.origin, source.preprocessing) == ("file", raw)
    for embed in (False, True):
        path = tmp_path / f"{embed}.onnx"
        result = export(rescaling, path, embed_preprocessing=embed, samples=8)
        assert "values 0 to 255, as the file says" in result.notes[-1]
        metadata = read_metadata(path)
        assert metadata is not None
        assert (metadata.whole_preprocessing(), "assumed" in metadata.extra) == (raw, False)
        pixels = np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3)).astype(np.float32)
        np.testing.assert_allclose(open_model(path).run(pixels), source.model(pixels).numpy(), atol=1e-4)
        assert verify(rescaling, path, samples=8).parity.passed


def test_images_that_cannot_be_read_are_left_out_of_calibration_and_parity(tmp_path: Path) -> None:
    save_keras(_model(classes=2), tmp_path / "bare.keras")
    folder = write_broken_folder(tmp_path / "images", "ab")
    result = export(tmp_path / "bare.keras", tmp_path / "a.onnx", data=str(folder), precision="int8", samples=8)
    assert result.notes[-1].startswith("images that cannot be read and were left out: ")
    assert result.parity.samples == 8


def test_an_assumption_stands_in_the_artifact_and_a_given_preprocessing_replaces_it(tmp_path: Path) -> None:
    save_keras(_model(), tmp_path / "bare.keras")
    result = export(tmp_path / "bare.keras", tmp_path / "a.onnx", samples=8)
    assert "which is assumed" in result.notes[-1]
    metadata = read_metadata(tmp_path / "a.onnx")
    assert metadata is not None
    assert (metadata.preprocessing, metadata.extra["assumed"]) == (Preprocessing.plain(SIDE), ["preprocessing"])
    (tmp_path / "names.txt").write_text("\n".join("0123456789"))
    given = {"preprocessing": "0..1", "labels": tmp_path / "names.txt"}
    result = export(tmp_path / "bare.keras", tmp_path / "b.onnx", samples=8, **given)
    assert not any("preprocessing" in note for note in result.notes)
    metadata = read_metadata(tmp_path / "b.onnx")
    assert metadata is not None
    assert (metadata.preprocessing.scale, metadata.labels) == ((255.0,) * 3, tuple("0123456789"))  # type: ignore[union-attr]
    assert "assumed" not in metadata.extra


def test_accuracies_ask_for_what_they_cannot_assume(rescaling: Path, tmp_path: Path) -> None:
    save_keras(_model(), tmp_path / "bare.keras", Metadata(labels=tuple("0123456789"), data="digits/test"))
    words = "does not say how its images are prepared; give `preprocessing`"
    with pytest.raises(SqnxtError, match=words):
        export(tmp_path / "bare.keras", tmp_path / "a.onnx", precision="int8", max_drop=1.0)
    with pytest.raises(SqnxtError, match=words):
        prune(tmp_path / "bare.keras", tmp_path / "pruned.keras", data="digits")
    with pytest.raises(SqnxtError, match=words):
        scan_sensitivity(tmp_path / "bare.keras", data="digits")
    with pytest.raises(SqnxtError, match=words):
        evolve(tmp_path / "bare.keras", tmp_path / "lineage", data="digits")
    assert [path.name for path in tmp_path.iterdir()] == ["bare.keras"]
    assert scan_sensitivity(tmp_path / "bare.keras", data="digits", images=8, preprocessing="0..1").found.layers


def test_integers_at_the_border_stand_in_the_metadata(rescaling: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.tflite"
    export(rescaling, path, precision="int8", io="int8", samples=8, calibration=64, task="regressor")
    metadata = read_metadata(path)
    assert metadata is not None
    assert metadata.extra["io"] == "int8"
    low, high = open_model(path).input_range or (0, 0)
    assert (round(low), round(high)) == (0, 255)
