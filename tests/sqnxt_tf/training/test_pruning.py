"""Pruned kernels, in the model and in the graph that is exported from it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sqnxt_export
from helpers.nested_networks import frozen_backbone
from helpers.training import Killed, kill_at, stripes
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.kernels import count_zeros, named_layers, prunable_layers, pruned_kernel
from sqnxt_tf.training.loop import Trained
from sqnxt_tf.training.pruning import make_schedule, prune_model
from sqnxt_tf.training.pruning_claims import check_zeros
from sqnxt_tf.training.pruning_plan import Pruning, make_plan
from sqnxt_tf.training.recipe_files import Recipe
from sqnxt_tf.training.run_folder import RunFolder
from sqnxt_tf.training.run_options import RunOptions
from sqnxt_tf.training.strategies import make_strategy

RECIPE = Recipe(epochs=4, batch=8, rate=0.05, warmup_rate=0.05, warmup_steps=0, max_shift=1)


def small_model() -> Any:
    """A stem of three channels, a nested model with layers that tfmot refuses, grouped and separable convolutions."""
    import tf_keras as keras

    keras.utils.set_random_seed(5)
    layers = keras.layers
    features = layers.Input((8, 8, 8))
    x = layers.Conv2D(16, 1, name="squeeze")(layers.PReLU(shared_axes=[1, 2])(features))
    nested = keras.Model(features, layers.BatchNormalization(momentum=0.9)(x), name="nested")
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same", name="stem")(image)
    x = layers.Conv2D(8, 3, groups=2, name="grouped")(nested(x))
    x = layers.SeparableConv2D(16, 3, name="separable")(layers.DepthwiseConv2D(3, name="depthwise")(x))
    return keras.Model(image, layers.Dense(2, name="classifier")(layers.GlobalAveragePooling2D()(x)))


def run(model: Any, recipe: Recipe = RECIPE, *, folder: RunFolder | None = None, **settings: Any) -> Trained:
    progress = settings.pop("progress", lambda *args, **figures: None)
    return prune_model(
        model, stripes(36, 0), stripes(12, 1), recipe, make_plan(model, Pruning(**settings)),
        RunOptions(strategy=make_strategy("one-device"), seed=3, folder=folder, progress=progress),
    )  # fmt: skip


@pytest.mark.parametrize(
    "settings",
    [
        {"schedule": "constant"},
        {"schedule": "polynomial", "ramp": (0.95, 0.99)},
    ],
)
def test_every_schedule_ends_with_the_zeros_that_were_asked_for(settings: dict[str, Any]) -> None:
    dense = small_model()
    before = dense.get_weights()
    pruned = run(dense, sparsity=0.5, excluded=("classifier",), layer_sparsity={"nested/*": 0.75}, **settings).model
    assert [name for name, _ in named_layers(pruned)] == [name for name, _ in named_layers(dense)]
    zeros = {layer.name: layer for layer in count_zeros(pruned)}
    expected = {"stem": 0.5, "nested/squeeze": 0.75, "grouped": 0.5, "separable": 0.5}
    assert zeros.keys() == {*expected, "separable/depthwise", "depthwise", "classifier"}
    for name, layer in zeros.items():
        assert layer.sparsity == pytest.approx(expected.get(name, 0), abs=1 / layer.weights)
    for ours, theirs in zip(before, dense.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("trainable", "settings"),
    [(False, {"sparsity": 0.5, "schedule": "polynomial"}), (False, {"pattern": "1:4"}), (True, {"sparsity": 0.5})],
)
def test_a_backbone_that_runs_in_inference_mode_is_pruned_too(trainable: bool, settings: dict[str, Any]) -> None:
    model = frozen_backbone()
    model.get_layer("backbone").trainable = trainable
    plan = make_plan(model, Pruning(**settings))
    assert plan.frozen == (() if trainable else tuple(name for name in plan.sparsities if name.startswith("backbone")))
    pruned = run(model, **settings).model
    due = plan.sparsities
    assert "backbone/inner/first" in due
    assert {layer.name: layer.sparsity for layer in count_zeros(pruned) if layer.name in due} == due
    if not trainable:
        before, after = (prunable_layers(made)["backbone/inner/first"].kernel.numpy() for made in (model, pruned))
        np.testing.assert_array_equal(after[after != 0], before[after != 0])


def other_kernels() -> Any:
    """One and three dimensions, transposed and separable, in a nested model."""
    import tf_keras as keras

    layers = keras.layers
    keras.utils.set_random_seed(7)
    image = layers.Input((8, 8, 3))
    x = layers.Conv2DTranspose(4, 3, name="up2d")(image)
    x = layers.Conv3D(4, 3, name="conv3d")(layers.Reshape((10, 10, 4, 1))(x))
    x = layers.Conv3DTranspose(4, 1, name="up3d")(x)
    x = layers.Conv1D(4, 3, name="conv1d")(layers.Reshape((32, 16))(x))
    x = layers.SeparableConv1D(4, 3, name="separable1d")(layers.Conv1DTranspose(4, 3, name="up1d")(x))
    inner = keras.Model(image, x, name="inner")
    outer = layers.Input((8, 8, 3))
    return keras.Model(outer, layers.Dense(2, name="head")(layers.GlobalAveragePooling1D()(inner(outer))))


def test_every_kind_of_kernel_is_pruned() -> None:
    model = other_kernels()
    names = ["up2d", "conv3d", "up3d", "conv1d", "up1d", "separable1d"]
    expected = {**{f"inner/{name}": 0.5 for name in names}, "inner/separable1d/depthwise": 0.0, "head": 0.5}
    pruned = run(model, replace(RECIPE, epochs=1, batch=36), sparsity=0.5).model
    assert {layer.name: layer.sparsity for layer in count_zeros(pruned)} == expected


def test_weights_of_equal_size_are_pruned_as_far_as_asked() -> None:
    import tf_keras as keras

    image = keras.layers.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, name="equal", kernel_initializer="ones")(image))
    model = keras.Model(image, keras.layers.Dense(2, name="head")(x))
    model.get_layer("equal").trainable = False
    zeros = {layer.name: layer.sparsity for layer in count_zeros(run(model, sparsity=0.75).model)}
    assert zeros == {"equal": 0.75, "head": 0.75}


def test_a_claim_that_does_not_hold_is_refused() -> None:
    model = small_model()
    plan = make_plan(model, Pruning(sparsity=0.5))
    with pytest.raises(SqnxtError, match=r"p\.keras: not written, since layer stem has 0 zeros of 108"):
        check_zeros(model, plan, Path("p.keras"))
    with pytest.raises(SqnxtError, match=r"layer grouped keeps 4 of 4 consecutive weights"):
        check_zeros(model, make_plan(model, Pruning(pattern="2:4", excluded=("nested/*",))), Path("p.keras"))


def test_an_average_of_weights_is_refused_for_it_would_have_no_zeros() -> None:
    with pytest.raises(SqnxtError, match=r"ema = 0\.9 .* leaves no zeros; set ema to 0"):
        run(small_model(), replace(RECIPE, ema=0.9), sparsity=0.5)


def test_the_target_is_reached_in_a_single_step() -> None:
    recipe = replace(RECIPE, epochs=1, batch=36)
    pruned = run(small_model(), recipe, sparsity=0.5, schedule="polynomial").model
    assert all(layer.zeros for layer in count_zeros(pruned) if "depthwise" not in layer.name)


@pytest.mark.parametrize("steps", [1, 2, 3, 19, 20, 400])
@pytest.mark.parametrize("ramp", [None, (0.0, 1.0), (0.25, 0.75), (0.99, 1.0), (0.0, 0.01)])
def test_a_polynomial_rises_within_its_ramp_and_reaches_its_target(
    steps: int, ramp: tuple[float, float] | None
) -> None:
    schedule = make_schedule(Pruning(schedule="polynomial", ramp=ramp), 0.8, steps)
    asked = [(bool(when), float(sparsity)) for when, sparsity in map(schedule, range(1, steps + 1))]
    pruned = [sparsity for when, sparsity in asked if when]
    assert pruned == sorted(pruned)
    assert pruned[-1] == pytest.approx(0.8)
    begin, end = ramp or (0.0, 0.5)
    if steps == 400 and end - begin > 0.1:
        assert next(step for step, (when, sparsity) in enumerate(asked, 1) if sparsity) >= begin * steps
        assert max(step for step, (when, _) in enumerate(asked, 1) if when) == pytest.approx(end * steps, abs=10)


def test_a_constant_schedule_prunes_from_the_first_steps_to_the_last() -> None:
    schedule = make_schedule(Pruning(), 0.4, 400)
    assert [step for step in range(1, 401) if schedule(step)[0]] == list(range(10, 401, 10))
    assert float(schedule(10)[1]) == pytest.approx(0.4)


def most_nonzero(kernel: np.ndarray[Any, Any], block: int) -> int:
    """Of any `block` consecutive weights along axis 1, [out, in, ...]: how many are not zero."""
    blocks = np.moveaxis(kernel, 1, -1)
    return int((blocks.reshape(*blocks.shape[:-1], -1, block) != 0).sum(-1).max())


@pytest.mark.parametrize(("pattern", "precision"), [("2:4", "float32"), ("1:4", "int16")])
def test_the_exported_graph_keeps_n_of_m_along_its_input_channels(tmp_path: Path, pattern: str, precision: str) -> None:
    import onnx
    import tf_keras as keras
    from onnx import numpy_helper

    layers = keras.layers
    keras.utils.set_random_seed(6)
    image = layers.Input((8, 8, 3))
    x = layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same", name="stem")(image))
    x = layers.Conv2D(16, (1, 3), groups=2, name="grouped")(layers.ReLU()(x))
    x = layers.SeparableConv2D(16, 3, name="separable")(layers.BatchNormalization()(x))
    model = keras.Model(image, layers.Dense(2, name="classifier")(layers.GlobalAveragePooling2D()(x)))
    pruned = run(model, pattern=pattern).model
    path = tmp_path / "pruned.onnx"
    samples = stripes(12, 2).images
    images = sqnxt_export.ExportSamples(parity=samples, calibration=stripes(12, 3).images)
    sqnxt_export.export_model(pruned, path, sqnxt_export.ArtifactOptions(format="onnx", precision=precision), images)
    graph = onnx.load(path).graph
    kernels = {
        value.name.partition("/")[0]: numpy_helper.to_array(value)
        for value in graph.initializer
        if "kernel" in value.name and "depthwise" not in value.name and len(value.dims) > 1
    }
    n, m = map(int, pattern.split(":"))
    found = {name: most_nonzero(kernels[name], m) for name in ("grouped", "separable", "classifier")}
    assert found == dict.fromkeys(found, n)
    assert np.count_nonzero(kernels["stem"]) > 0.9 * kernels["stem"].size
    assert kernels["grouped"].shape == (16, 8, 1, 3)


def test_of_each_n_of_m_the_largest_stay() -> None:
    model = small_model()
    pruned = run(model, replace(RECIPE, epochs=1, rate=1e-9, warmup_rate=1e-9), pattern="2:4").model
    for name in ("nested/squeeze", "grouped", "classifier"):
        kernels = [np.moveaxis(pruned_kernel(prunable_layers(made)[name]).numpy(), -2, -1) for made in (model, pruned)]
        before, after = (kernel.reshape(-1, 4) for kernel in kernels)
        kept = np.sort(np.argsort(-np.abs(before), axis=1)[:, :2], axis=1)
        np.testing.assert_array_equal(np.sort(np.argsort(after == 0, axis=1, kind="stable")[:, :2], axis=1), kept)


@pytest.mark.parametrize("settings", [{"sparsity": 0.5, "schedule": "polynomial"}, {"pattern": "2:4"}])
def test_a_run_that_was_cut_ends_with_the_weights_of_one_that_was_not(tmp_path: Path, settings: Any) -> None:
    folder = RunFolder(tmp_path / "m.train")
    folder.begin({"seed": 3})
    with pytest.raises(Killed), folder.kept_once_begun():
        run(small_model(), folder=folder, progress=kill_at(13), **settings)
    resumed, whole = run(small_model(), folder=folder, **settings), run(small_model(), **settings)
    for ours, theirs in itertools.zip_longest(resumed.model.get_weights(), whole.model.get_weights()):
        np.testing.assert_array_equal(ours, theirs)
    assert [row["loss"] for row in resumed.history] == pytest.approx([row["loss"] for row in whole.history], rel=1e-5)


def test_a_run_that_fails_before_its_first_checkpoint_leaves_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "m.train")
    for begun, left in ((False, set()), (True, {"checkpoint.npz", "settings.json"})):
        folder.begin({"seed": 3})
        if begun:
            folder.checkpoint.touch()
        with pytest.raises(KeyboardInterrupt), folder.kept_once_begun():
            raise KeyboardInterrupt
        assert folder.path.exists() is begun
        assert {path.name for path in folder.path.glob("*")} == left
