"""How images become a model's input: the user first, then metadata, then the file, then an assumption that is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.onnx_graphs import write_quadrants
from sqnxt_export import Metadata, Preprocessing, open_model
from sqnxt_export.runtimes.own_scaling import own_input_range
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.image_input import ASSUMED, resolve_input, resolve_runner
from sqnxt_tf.preprocessing_rules import preprocessing_from, read_labels

SHAPE = (4, 4, 3)
PLAIN, RAW = Preprocessing.plain(4), Preprocessing.plain(4).raw()


def test_the_order_of_who_is_believed() -> None:
    known = Metadata(preprocessing=PLAIN)
    given = resolve_input("m", SHAPE, known, given="0..1", own_range=(0, 255))
    assert (given.origin, given.preprocessing.scale, given.note) == ("given", (255.0,) * 3, "")
    assert resolve_input("m", SHAPE, known, own_range=(0, 255)).preprocessing == PLAIN
    file = resolve_input("m", SHAPE, Metadata(), own_range=(0, 255))
    assert (file.origin, file.preprocessing) == ("file", RAW)
    assert "values 0 to 255, as the file says" in file.note
    assumed = resolve_input("m", SHAPE, Metadata())
    assert (assumed.is_assumed, assumed.preprocessing) == (True, PLAIN)
    assert "no metadata on preprocessing: images are stretched to 4x4, values -1 to 1, which is assumed" in assumed.note


def test_an_assumption_of_the_export_stays_one() -> None:
    metadata = Metadata(preprocessing=PLAIN, extra={ASSUMED: ["preprocessing"]})
    found = resolve_input("m", SHAPE, metadata)
    assert found.is_assumed
    assert "was assumed when it was exported" in found.note
    assert not resolve_input("m", SHAPE, metadata, given="plain").is_assumed


@pytest.mark.parametrize(
    ("own", "mean", "scale"),
    [
        ((0.0, 255.0), 0, 1),
        ((-1.0078, 1.0), 127.5, 127.5),
        ((0.0, 0.996), 0, 255),
        ((-128.0, 127.0), 128, 1),
        ((-3.0, 3.0), 127.5, 42.5),
    ],
)
def test_the_range_of_a_quantised_input_tells_the_preprocessing(own: Any, mean: float, scale: float) -> None:
    found = resolve_input("m", SHAPE, Metadata(), own_range=own).preprocessing
    assert (found.mean[0], found.scale[0]) == pytest.approx((mean, scale))


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SqnxtError, match="takes images of 5 channels"):
        resolve_input("m", (4, 4, 5), Metadata())
    with pytest.raises(SqnxtError, match='is for 3 channels, not 1; use `preprocessing="plain"`'):
        preprocessing_from("imagenet", (4, 4, 1))
    with pytest.raises(SqnxtError, match="is not known; use one of imagenet, plain"):
        preprocessing_from("caffe", SHAPE)
    for text, words in (("mean = 'a'", "mean is 'a'"), ("size = 3", "unknown key 'size'"), ("mean = [", "is not TOML")):
        (tmp_path / "p.toml").write_text(text)
        with pytest.raises(SqnxtError, match=words):
            preprocessing_from(str(tmp_path / "p.toml"), SHAPE)


def test_names_and_files(tmp_path: Path) -> None:
    assert preprocessing_from("imagenet", (8, 6, 3)) == Preprocessing.imagenet(8, 6)
    assert preprocessing_from("plain", SHAPE) == preprocessing_from("-1..1", SHAPE) == PLAIN
    assert preprocessing_from("0..255", SHAPE) == RAW
    (tmp_path / "p.toml").write_text('mean = [1, 2, 3]\nscale = 58.5\nresize = "short_side_crop"\n')
    found = preprocessing_from(str(tmp_path / "p.toml"), SHAPE)
    assert (found.mean, found.scale, found.resize) == ((1, 2, 3), (58.5,) * 3, "short_side_crop")
    (tmp_path / "l.txt").write_text("cat\n\n dog \n")
    (tmp_path / "l.json").write_text('["cat", "dog"]')
    assert read_labels(tmp_path / "l.txt") == read_labels(tmp_path / "l.json") == ("cat", "dog")
    (tmp_path / "l.txt").write_text("\n")
    with pytest.raises(SqnxtError, match="holds no labels"):
        read_labels(tmp_path / "l.txt")


def test_pixels_are_never_normalised_twice(tmp_path: Path) -> None:
    runner = open_model(write_quadrants(tmp_path / "pixels.onnx", pixels=True))
    for given in (None, "0..1"):
        found = resolve_runner(runner, Metadata(), given).preprocessing
        assert (found.mean, found.scale) == ((0.0,), (1.0,))


def test_a_layer_that_rescales_tells_the_range() -> None:
    import tf_keras as keras

    layers = keras.layers

    def model(*first: Any) -> Any:
        return keras.Sequential([layers.Input((8, 8, 3)), *first, layers.Conv2D(2, 3)])

    nested = keras.Sequential([layers.Input((8, 8, 3)), layers.Rescaling(1 / 127.5, -1)])
    image = keras.Input((8, 8, 3))
    divided = keras.Model(image, layers.Conv2D(2, 3)(image / 127.5 - 1))
    cases = [
        (model(layers.Rescaling(1 / 255)), (0, 255)),
        (model(layers.RandomFlip(), layers.Rescaling(1 / 127.5, -1)), (0, 255)),
        (model(layers.Rescaling(2.0, -1)), (0, 1)),
        (model(layers.Normalization(mean=[123.0] * 3, variance=[3400.0] * 3)), (0, 255)),
        (model(layers.Normalization(mean=[0.5] * 3, variance=[0.05] * 3)), (0, 1)),
        (model(nested), (0, 255)),
        (divided, (0, 255)),
        (model(), None),
        (model(layers.Conv2D(3, 1), layers.Rescaling(1 / 255)), None),
    ]
    for built, expected in cases:
        assert own_input_range(built) == expected, built.layers
    assert np.isfinite(divided(np.zeros((1, 8, 8, 3), np.float32)).numpy()).all()
