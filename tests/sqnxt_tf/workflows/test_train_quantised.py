"""`train --qat` and `prune --qat` as a user runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.keras_networks import save_dense
from helpers.training import Killed, kill_at, load_weights
from sqnxt_export import LearntRanges, read_metadata
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.recipe_files import Recipe
from sqnxt_tf.workflows.export import export
from sqnxt_tf.workflows.prune import prune
from sqnxt_tf.workflows.train import train
from sqnxt_tf.workflows.train_quantised import QuantisedResult

RECIPE = Recipe(epochs=1, batch=128, rate=0.01, warmup_rate=0.01, warmup_steps=0)


def learnt(path: Path) -> LearntRanges:
    metadata = read_metadata(path)
    assert metadata is not None
    found = LearntRanges.of(metadata)
    assert found is not None
    return found


@pytest.mark.slow
def test_a_trained_model_is_fine_tuned_and_exported_with_its_ranges(tmp_path: Path) -> None:
    dense = save_dense(tmp_path / "dense.keras")
    result = train(None, tmp_path / "q.keras", start_from=dense, qat="int8", recipe=RECIPE)
    assert isinstance(result, QuantisedResult)
    document = result.to_json()
    assert (document["qat"], document["epochs"]) == ("int8", 1)
    assert document["top1_before"] == result.before.top1
    found = learnt(tmp_path / "q.keras")
    assert (found.precision, "input" in found.ranges, "classifier" in found.ranges) == ("int8", True, True)
    exported = export(tmp_path / "q.keras", tmp_path / "q.onnx", precision="int8")
    assert any("learnt" in note for note in exported.notes)
    assert not any("learnt" in note for note in export(tmp_path / "q.keras", tmp_path / "f.onnx").notes)
    again = prune(tmp_path / "q.keras", tmp_path / "p.keras", sparsity=0.5, recipe=RECIPE)
    assert again.top1_before is not None
    metadata = read_metadata(tmp_path / "p.keras")
    assert metadata is not None
    assert LearntRanges.of(metadata) is None  # its activations have changed


@pytest.mark.slow
def test_a_run_that_was_cut_is_resumed(tmp_path: Path) -> None:
    dense = save_dense(tmp_path / "dense.keras")
    settings: dict[str, Any] = {"start_from": dense, "qat": "int8", "recipe": RECIPE.overridden(epochs=2)}
    with pytest.raises(Killed):
        train(None, tmp_path / "cut.keras", progress=kill_at(13), **settings)
    train(None, tmp_path / "cut.keras", **settings)
    train(None, tmp_path / "whole.keras", **settings)
    ours, theirs = (load_weights(tmp_path / f"{name}.keras") for name in ("cut", "whole"))
    assert all((a == b).all() for a, b in zip(ours, theirs, strict=True))
    assert learnt(tmp_path / "cut.keras") == learnt(tmp_path / "whole.keras")


@pytest.mark.slow
def test_a_model_is_pruned_and_stays_pruned_with_rounding(tmp_path: Path) -> None:
    dense = save_dense(tmp_path / "dense.keras")
    result = prune(dense, tmp_path / "p.keras", sparsity=0.5, qat="int8", recipe=RECIPE)
    assert len(result.history) == 2
    assert all(layer.sparsity >= 0.5 for layer in result.layers)
    assert learnt(tmp_path / "p.keras").precision == "int8"


def test_what_cannot_be_done_is_refused_before_the_work(tmp_path: Path) -> None:
    dense = save_dense(tmp_path / "dense.keras")
    other = save_dense(tmp_path / "other.keras", data="")
    before = sorted(tmp_path.iterdir())
    for settings, fault in (
        ({"qat": "int8"}, "fine-tunes a trained model; name one with `start_from`"),
        ({"qat": "int4", "start_from": dense}, "qat 'int4': is not known; use one of int8, int16x8"),
        ({"qat": "int8", "start_from": other}, "does not say what it was trained on"),
        ({"qat": "int8", "start_from": dense, "input_size": 32}, "leave `input_size` out"),
        ({"qat": "int8", "start_from": dense, "strategy": "mirrored"}, "leave `strategy` out"),
    ):
        with pytest.raises(SqnxtError, match=fault):
            train(None if "start_from" in settings else "alexnet", tmp_path / "q.keras", **settings)
    with pytest.raises(SqnxtError, match="leave `strategy` out"):
        prune(dense, tmp_path / "q.keras", qat="int8", strategy="mirrored")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_an_equalised_model_is_exported(tmp_path: Path) -> None:
    result = export("mobilenet_w1", tmp_path / "m.onnx", precision="int8", equalise=True, classes=10, input_size=32)
    assert "cross-layer equalisation: 27 pairs of layers were rescaled" in result.notes


def test_equalising_is_refused_where_it_has_no_effect(tmp_path: Path) -> None:
    with pytest.raises(SqnxtError, match="has no effect on float32"):
        export("mobilenet_w1", tmp_path / "m.onnx", equalise=True)
