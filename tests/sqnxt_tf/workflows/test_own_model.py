"""Models of other makers in training, and the data that a model's file names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sqnxt_export import Metadata, Preprocessing, read_metadata, save_keras
from sqnxt_tf import RECIPES, train
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.own_data import own_data, own_data_or_digits, recorded_data

RECIPE = replace(RECIPES["photos"], epochs=1, batch=4, ema=0.0)


def own_model(classes: int, end: str) -> Any:
    """Return a classifier as anyone would write it, with its scaling inside."""
    import tf_keras as keras

    layers = keras.layers
    image = layers.Input((16, 16, 3))
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(4, 3, strides=2, activation="relu", name="features")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(classes, activation="softmax" if end == "inside" else None, name="head")(x)
    if end == "activation":
        x = layers.Activation("softmax")(x)
    if end == "layer":
        x = layers.Softmax()(x)
    return keras.Model(image, x)


@pytest.fixture
def folder(tmp_path: Path, make_images: Any) -> Path:
    for split, count in (("train", 6), ("validation", 2), ("test", 2)):
        make_images(tmp_path / "data" / split, count)
    return tmp_path / "data"


@pytest.mark.parametrize(("end", "classes"), [("none", 2), ("inside", 2), ("activation", 5), ("layer", 2)])
def test_any_functional_classifier_is_trained_and_keeps_its_own_end(
    folder: Path, tmp_path: Path, end: str, classes: int
) -> None:
    import tf_keras as keras

    own_model(classes, end).save(tmp_path / "mine.keras")
    result = train(None, tmp_path / "out.keras", data=str(folder), model=tmp_path / "mine.keras", recipe=RECIPE)
    assert len(result.history) == 1
    trained = keras.models.load_model(tmp_path / "out.keras", compile=False)
    answers = trained.predict(np.random.default_rng(0).uniform(0, 255, (3, 16, 16, 3)), verbose=0)
    assert answers.shape == (3, 2)
    assert np.allclose(answers.sum(-1), 1, atol=1e-5) == (end != "none")
    metadata = read_metadata(tmp_path / "out.keras")
    assert metadata is not None
    assert (metadata.preprocessing.mean, metadata.preprocessing.scale) == ((0.0,) * 3, (1.0,) * 3)  # it scales itself
    assert metadata.labels == ("a", "b")


def test_a_file_of_another_maker_may_follow_from_and_keeps_what_it_has_learnt(folder: Path, tmp_path: Path) -> None:
    import tf_keras as keras

    model = own_model(7, "inside")
    model.save(tmp_path / "mine.keras")
    settings = {"data": str(folder), "changes": {"epochs": 1, "rate": 1e-9, "weight_decay": 0}}
    result = train(None, tmp_path / "out.keras", start_from=tmp_path / "mine.keras", **settings)
    assert result.history[0]["rate"] <= 1e-9  # the recipe `finetune`
    trained = keras.models.load_model(tmp_path / "out.keras", compile=False)
    np.testing.assert_allclose(
        trained.get_layer("features").get_weights()[0], model.get_layer("features").get_weights()[0], atol=1e-5
    )


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"start_from": "other.keras"}, "has the weights to begin with; leave `start_from` out"),
        ({"input_size": 32}, "has an input of its own size"),
        ({"network": "tiny_darknet"}, "leave out one of the two"),
    ],
)
def test_options_that_contradict_a_model_are_refused(
    folder: Path, tmp_path: Path, settings: dict[str, Any], fault: str
) -> None:
    own_model(2, "none").save(tmp_path / "mine.keras")
    with pytest.raises(SqnxtError, match=fault):
        train(settings.pop("network", None), tmp_path / "o.keras", data=str(folder), model=tmp_path / "mine.keras",
              **settings)  # fmt: skip


def test_a_model_that_is_no_classifier_is_refused(folder: Path, tmp_path: Path) -> None:
    import tf_keras as keras

    image = keras.layers.Input((16, 16, 3))
    keras.Model(image, keras.layers.Conv2D(2, 3)(image)).save(tmp_path / "map.keras")
    with pytest.raises(SqnxtError, match="not with one score a class; give a classifier"):
        train(None, tmp_path / "o.keras", data=str(folder), model=tmp_path / "map.keras", preprocessing="0..1")
    assert not (tmp_path / "o.train").exists()


def described(data: str, settings: Any = None) -> Metadata:
    return Metadata(data=data, extra={} if settings is None else {"settings": settings})


def test_the_data_that_a_models_file_names_come_before_the_digits(folder: Path) -> None:
    named = described(f"{folder}/test", {"data": str(folder)})
    assert recorded_data("m.keras", named) == DataSource.parse(str(folder))
    assert own_data("m.keras", named, None) == DataSource.parse(str(folder))
    assert own_data_or_digits("m.onnx", named, None).name == str(folder)
    given = DataSource.parse("digits")
    assert own_data_or_digits("m.onnx", named, given) is given
    for other in (None, described(""), described("flowers/test"), described("", {"data": 3}), described("", "much")):
        assert recorded_data("m.keras", other) is None
        assert own_data_or_digits("m.keras", other, None).is_digits
    assert own_data("m.keras", described("digits/test"), None).is_digits
    with pytest.raises(SqnxtError, match="was trained on nowhere, which is not there; give `data` its own data"):
        recorded_data("m.keras", described("nowhere/test", {"data": "nowhere"}))


def test_export_and_evaluation_take_the_data_of_the_models_file(folder: Path, tmp_path: Path) -> None:
    from helpers.commands import run_cli
    from sqnxt_tf import export

    metadata = Metadata(
        labels=("a", "b"), preprocessing=Preprocessing.plain(16, 16), data=f"{folder}/test",
        extra={"settings": {"data": str(folder)}},
    )  # fmt: skip
    save_keras(own_model(2, "none"), tmp_path / "m.keras", metadata)
    assert export(tmp_path / "m.keras", tmp_path / "m.onnx").parity.samples == 4  # of the folder's test part
    answer = run_cli("evaluate", "m.onnx", "--json", cwd=tmp_path).json()
    assert (answer["samples"], answer["data"]) == (4, str(folder / "test"))
