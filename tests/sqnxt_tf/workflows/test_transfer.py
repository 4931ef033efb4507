"""Training that begins with, or follows, another model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sqnxt_export import Metadata, Preprocessing, read_metadata, save_keras
from sqnxt_tf.data import digits
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks.keras_ops import build
from sqnxt_tf.workflows.transfer import Start, adopt, open_teacher

SIZE = 32


def save(path: Path, *, classes: int = 10, network: str = "tiny_darknet") -> Any:
    model = build("tiny_darknet", classes=classes, input_size=SIZE, seed=5)
    labels = tuple(str(label) for label in range(classes))
    save_keras(model, path, Metadata(network=network, labels=labels, preprocessing=Preprocessing.plain(SIZE, SIZE)))
    return model


def test_all_weights_but_the_classifiers_are_taken_over(tmp_path: Path) -> None:
    source = save(tmp_path / "m.keras", classes=7)
    start = Start.of(tmp_path / "m.keras")
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
    start, nameless = Start.of(tmp_path / "m.keras"), Start.of(tmp_path / "nameless.keras")
    assert start is not None
    assert nameless is not None
    with pytest.raises(SqnxtError, match="is a tiny_darknet, and --network is alexnet; leave out one"):
        start.network("alexnet")
    with pytest.raises(SqnxtError, match="does not say which network it is; give --network"):
        nameless.network(None)
    with pytest.raises(SqnxtError, match=r"has no weights for layer .* of squeezenet_v1_1; give a model of the same"):
        adopt(build("squeezenet_v1_1", classes=10, input_size=SIZE), start.read(), "m.keras")
    with pytest.raises(SqnxtError, match="was trained for other classes"):
        open_teacher(tmp_path / "m.keras", digits("train"), Preprocessing.plain(SIZE, SIZE))
    with pytest.raises(SqnxtError, match="takes 32x32 images prepared in its own way"):
        open_teacher(tmp_path / "nameless.keras", digits("train"), Preprocessing.plain(40, 40))


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
    assert "--classes 7: digits has 10 classes" in refused
    assert (tmp_path / "m.train" / "history.png").read_bytes().startswith(b"\x89PNG")
