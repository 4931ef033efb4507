"""What a run takes is counted from shapes: little for honest networks, never little where the shapes do not tell."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tf_keras as keras

from helpers.hostile_keras import dilated, enlarged, make_templates, never_done, of_gigabytes, padded
from helpers.keras_networks import BUILDERS
from sqnxt_export import ExportError, load_keras
from sqnxt_export.runtimes.run_size import is_small_run, run_size

layers = keras.layers


def model_of(*middle: Any, shape: tuple[int | None, ...] = (16, 16, 3)) -> Any:
    x = image = keras.Input(shape)
    for layer in middle:
        x = layer(x)
    return keras.Model(image, x)


@pytest.mark.parametrize("build", BUILDERS.values())
def test_honest_networks_are_small(build: Callable[[], Any]) -> None:
    assert is_small_run(build())


def test_macs_and_elements_are_those_of_the_shapes() -> None:
    size = run_size(model_of(layers.Conv2D(4, 3, use_bias=False, padding="same"), layers.MaxPooling2D(2)))
    assert size is not None
    assert size.macs == 16 * 16 * 4 * 3 * 3 * 3 + 8 * 8 * 4 * 2 * 2
    assert size.elements == 2 * 768 + (768 + 1024) + (1024 + 256)
    assert size.calls == 3


def test_a_layer_counts_as_often_as_it_is_called() -> None:
    once, shared = model_of(layers.ReLU()), layers.ReLU()
    inner = model_of(shared, shared, shared)
    assert (found := run_size(inner)) is not None
    assert found.calls == 4
    outer = run_size(model_of(inner, once, inner))
    assert outer is not None
    assert outer.calls >= 1 + 2 * 4 + 2


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(4, 3, dilation_rate=2), layers.Conv2DTranspose(4, 3), layers.DepthwiseConv2D(3, strides=(1, 2)),
        layers.ZeroPadding2D(20_000), layers.UpSampling2D(3000), layers.AveragePooling2D(10_000, 1, padding="same"),
        layers.Conv2D(4, 3, dtype="float64"), layers.TimeDistributed(layers.ReLU()), layers.Resizing(9000, 9000),
        layers.MaxPooling2D(2, data_format="channels_first"),
    ],
)  # fmt: skip
def test_what_may_take_much_or_fail_is_run_once(layer: Any) -> None:
    assert not is_small_run(model_of(layer))


def test_a_model_of_many_calls_or_free_sides_or_other_sizes_is_run_once() -> None:
    chain = model_of(*[layers.ReLU() for _ in range(300)])
    assert is_small_run(chain)
    assert not is_small_run(model_of(chain, chain, chain, chain))
    assert not is_small_run(model_of(layers.ReLU(), shape=(None, None, 3)))
    inner = model_of(layers.ReLU(), layers.GlobalAveragePooling2D())
    assert is_small_run(model_of(inner))
    assert not is_small_run(model_of(inner, shape=(64, 64, 3)))
    assert not is_small_run(object())


def test_hostile_configs_are_never_small(tmp_path: Path) -> None:
    templates = make_templates(tmp_path)
    files = [of_gigabytes(templates), never_done(templates)]
    files += [kind(templates, random.Random(seed)) for kind in (enlarged, padded, dilated) for seed in range(8)]
    path, judged = tmp_path / "net.keras", 0
    for data in files:
        path.write_bytes(data)
        try:
            model = load_keras(path)
        except ExportError:
            continue
        size = run_size(model)
        widest = max((abs(side or 0) for layer in model.layers for side in layer.output_shape[1:]), default=0)
        assert widest <= 4096 or not is_small_run(model), size
        judged += 1
    assert judged >= 5


def test_the_run_on_noise_is_left_out_for_a_small_model_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqnxt_tf import sources

    shown: list[Any] = []
    monkeypatch.setattr(sources, "is_watched", lambda: True)
    monkeypatch.setattr(sources, "run_model", lambda model, samples: shown.append(model))
    sources.try_once(tmp_path, model_of(layers.ReLU()))
    assert shown == []
    sources.try_once(tmp_path, transposed := model_of(layers.Conv2DTranspose(4, 3)))
    assert shown == [transposed]
