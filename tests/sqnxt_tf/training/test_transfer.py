"""Training that begins with, or follows, another model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sqnxt_export import Metadata, Preprocessing, load_keras, read_metadata, save_keras
from sqnxt_tf import RECIPES
from sqnxt_tf.data.digits import digits
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks.keras_ops import build
from sqnxt_tf.starting_models import StartingWeights, open_teacher
from sqnxt_tf.training.run_options import Saving
from sqnxt_tf.training.transfer import adopt
from sqnxt_tf.workflows.train import train

SIZE = 32


def save(path: Path, *, classes: int = 10, network: str = "tiny_darknet", **metadata: Any) -> Any:
    """A model for the digits, unless `metadata` say otherwise."""
    model = build("tiny_darknet", classes=classes, input_size=SIZE, seed=5)
    of_digits = {"labels": tuple("0123456789"[:classes]), "preprocessing": Preprocessing.plain(SIZE, SIZE)}
    save_keras(model, path, Metadata(network=network, **{**of_digits, **metadata}))
    return model


def test_all_weights_but_the_classifiers_are_taken_over(tmp_path: Path) -> None:
    source = save(tmp_path / "m.keras", classes=7)
    start = StartingWeights.of(tmp_path / "m.keras")
    assert start is not None
    assert start.network(None) == start.network("tiny_darknet") == "tiny_darknet"
    model = build("tiny_darknet", classes=10, input_size=SIZE, seed=1)
    fresh = [layer.get_weights() for layer in model.layers if layer.weights][-1]
    adopt(model, start.read(), "m.keras")
    weighted = [(ours, theirs) for ours, theirs in zip(model.layers, source.layers, strict=True) if ours.weights]
    for ours, theirs in weighted[:-1]:
        for mine, given in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, given)
    for mine, given in zip(weighted[-1][0].get_weights(), fresh, strict=True):
        np.testing.assert_array_equal(mine, given)


def test_models_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "m.keras", classes=7)
    save(tmp_path / "nameless.keras", network="")
    start, nameless = StartingWeights.of(tmp_path / "m.keras"), StartingWeights.of(tmp_path / "nameless.keras")
    assert start is not None
    assert nameless is not None
    with pytest.raises(SqnxtError, match="is a tiny_darknet, and `network` is alexnet; leave out one"):
        start.network("alexnet")
    with pytest.raises(SqnxtError, match="does not say which network it is; give `network`"):
        nameless.network(None)
    with pytest.raises(SqnxtError, match=r"has no weights for layer .* of squeezenet_v1_1; give a model of the same"):
        adopt(build("squeezenet_v1_1", classes=10, input_size=SIZE), start.read(), "m.keras")
    with pytest.raises(SqnxtError, match="was trained for other classes"):
        open_teacher(tmp_path / "m.keras", digits("train"), Preprocessing.plain(SIZE, SIZE))
    with pytest.raises(SqnxtError, match="takes 32x32 images prepared in its own way"):
        open_teacher(tmp_path / "nameless.keras", digits("train"), Preprocessing.plain(40, 40))


@pytest.mark.slow
@pytest.mark.parametrize("helper", ["start_from", "teacher"])
def test_a_run_with_another_model_that_is_cut_ends_as_if_it_had_not_been(
    tmp_path: Path, make_images: Any, helper: str
) -> None:
    for split, count in (("train", 6), ("validation", 2), ("test", 2)):
        make_images(tmp_path / "data" / split, count)
    prepared = Preprocessing.imagenet(SIZE, SIZE)
    save(tmp_path / "other.keras", classes=2, labels=("a", "b"), preprocessing=prepared)
    recipe = replace(RECIPES["digits"], epochs=2, batch=4, max_shift=1, augmentation="standard")

    def run(output: str, **settings: Any) -> list[Any]:
        train(
            "tiny_darknet", tmp_path / output, data=str(tmp_path / "data"), recipe=recipe, input_size=SIZE,
            saving=Saving(steps=1), **{helper: tmp_path / "other.keras"}, **settings,
        )  # fmt: skip
        return load_keras(tmp_path / output).get_weights()  # type: ignore[no-any-return]

    def cut(task: str, done: int, total: int, **figures: float) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("cut.keras", progress=cut)
    for ours, theirs in zip(run("cut.keras"), run("whole.keras"), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_a_model_is_trained_from_another_by_a_teacher(tmp_path: Path, cli: Any) -> None:
    save(tmp_path / "start.keras", classes=7)
    save(tmp_path / "teacher.keras")
    answer = cli(
        "train", "--from", "start.keras", "--teacher", "teacher.keras", "--classes", 10, "--epochs", 1, "--batch", 64,
        "--set", "distillation=0.2", "--set", "schedule=cosine", "-o", "m.keras", "--json",
    )  # fmt: skip
    assert answer.json()["network"] == "tiny_darknet"
    metadata = read_metadata(tmp_path / "m.keras")
    assert metadata is not None
    settings = metadata.extra["settings"]
    recipe = settings["recipe"]
    assert (recipe["distillation"], recipe["schedule"], recipe["rate"]) == (0.2, "cosine", 0.1)  # rate of batch 64
    assert (settings["from"]["name"], settings["teacher"]["name"]) == ("start.keras", "teacher.keras")
    refused = cli("train", "--from", "start.keras", "--classes", 7, "-o", "n.keras").error_line()
    assert "classes 7: digits has 10 classes" in refused
    assert (tmp_path / "m.train" / "history.png").read_bytes().startswith(b"\x89PNG")
