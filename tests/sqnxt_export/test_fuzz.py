"""Thousands of damaged and hostile files: each is read or refused in one line, in bounded memory and time."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.fuzzing import fuzz_seeds
from helpers.limited_process import read_batches, read_in_limits
from helpers.mutants import mutated, zipped
from sqnxt_export import layer_zeros, nonzero_fraction, quantise_onnx, read_metadata, to_onnx, to_tflite
from sqnxt_export.artifact.keras_file import read_config

_MEMORY_BYTES = {
    "onnx": 3 << 30,
    "tflite": 3 << 30,
    "keras": 8 << 30,
}  # importing TensorFlow takes most of the last one
_READERS = """
import numpy
from sqnxt_export import ExportError as REFUSED, nonzero_fraction, open_model, read_metadata
def run(path):
    runner = open_model(path, threads=1)
    runner.run(runner.noise(1))
READERS = (read_metadata, nonzero_fraction, run)
"""
_TENSORFLOW = """
from sqnxt_export._libraries import require
require("tf_keras", "to load it")
"""


def _keras3_file() -> bytes:
    """Write a small file as Keras 3 does."""
    image = {"class_name": "InputLayer", "module": "keras.layers", "inbound_nodes": []}
    layers: list[dict[str, Any]] = [{**image, "config": {"name": "image", "batch_shape": [None, 9, 9, 3]}}]
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for name, kind, options in (
            ("conv", "Conv2D", {"filters": 4, "kernel_size": [3, 3], "activation": "relu6"}),
            ("average", "GlobalAveragePooling2D", {}),
            ("dense", "Dense", {"units": 5, "activation": "softmax"}),
        ):
            history = [layers[-1]["config"]["name"], 0, 0]
            before = {"class_name": "__keras_tensor__", "config": {"keras_history": history}}
            nodes = [{"args": [before], "kwargs": {}}]
            config = {"name": name, "dtype": "float32", **options}
            layers.append({"class_name": kind, "module": "keras.layers", "config": config, "inbound_nodes": nodes})
        for path, shape in (
            ("conv2d/vars/0", (3, 3, 3, 4)), ("conv2d/vars/1", (4,)), ("dense/vars/0", (4, 5)), ("dense/vars/1", (5,)),
        ):  # fmt: skip
            file[f"layers/{path}"] = np.full(shape, 0.1, "f4")
    ends = {"input_layers": ["image", 0, 0], "output_layers": ["dense", 0, 0]}
    model: dict[str, Any] = {"class_name": "Functional", "module": "keras.src.models.functional"}
    model["config"] = {"name": "net", "layers": layers, **ends}
    return zipped(
        {
            "metadata.json": b'{"keras_version": "3.10.0"}',
            "config.json": json.dumps(model).encode(),
            "model.weights.h5": weights.getvalue(),
        }
    )


@pytest.fixture(scope="module")
def good(
    models: Any, images: Any, files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """Write one good file of each sort; its name is the kind, a dash and a description."""
    model = models["squeezenext_like"]
    found = {f"{kind}-float32": path.read_bytes() for kind, path in files.items()}
    found["onnx-int8"] = quantise_onnx(to_onnx(model), "int8", images).SerializeToString()
    found["tflite-int8"] = to_tflite(model, "int8", images)
    found["keras-keras3"] = _keras3_file()
    return found


def _readers(kind: str) -> str:
    return _READERS + (_TENSORFLOW if kind == "keras" else "")


def _fuzz(good: dict[str, bytes], sort: str, seeds: range, folder: Path) -> None:
    kind = sort.partition("-")[0]
    make = partial(mutated, kind, good[sort])
    read_batches(_readers(kind), make, seeds, folder / f"{sort}.{kind}", _MEMORY_BYTES[kind])


@pytest.mark.parametrize("sort", ["onnx-float32", "onnx-int8", "tflite-float32", "tflite-int8", "keras-float32"])
def test_good_files_pass(good: dict[str, bytes], sort: str, tmp_path: Path) -> None:
    """If good files did not pass, the limits would hide what the mutants do."""
    kind = sort.partition("-")[0]
    path = tmp_path / f"a.{kind}"
    path.write_bytes(good[sort])
    read_in_limits(_readers(kind), [path], _MEMORY_BYTES[kind])
    assert nonzero_fraction(path) > 0


@pytest.mark.parametrize(
    ("sort", "count"),
    [("onnx-float32", 500), ("onnx-int8", 300), ("tflite-float32", 500), ("tflite-int8", 300)],
)
def test_mutants_never_end_the_process(good: dict[str, bytes], sort: str, count: int, tmp_path: Path) -> None:
    _fuzz(good, sort, range(count), tmp_path)


@pytest.mark.parametrize(("sort", "count"), [("keras-float32", 60), ("keras-keras3", 8)])
def test_mutants_of_models_never_end_the_process(good: dict[str, bytes], sort: str, count: int, tmp_path: Path) -> None:
    _fuzz(good, sort, range(count), tmp_path)


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize(
    ("sort", "count"),
    [("onnx-float32", 3000), ("onnx-int8", 2000), ("tflite-float32", 3000), ("tflite-int8", 2000)],
)
def test_many_more_mutants(good: dict[str, bytes], sort: str, count: int, tmp_path: Path) -> None:
    _fuzz(good, sort, fuzz_seeds(count, first=10_000), tmp_path)


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize(
    ("sort", "count"),
    [("keras-float32", 600), ("keras-keras3", 120)],  # many of the latter start a process with Keras 3
)
def test_many_more_mutants_of_models(good: dict[str, bytes], sort: str, count: int, tmp_path: Path) -> None:
    """As many in `make fuzz` as in CI, of other seeds: a hundred take longer than thousands of artifacts."""
    _fuzz(good, sort, fuzz_seeds(count, first=10_000)[:count], tmp_path)


@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize("sort", ["onnx-float32", "tflite-int8", "keras-float32", "keras-keras3"])
@given(seed=st.integers(0, 1 << 32))
def test_readers_tell_any_damage_in_one_line(
    good: dict[str, bytes], fault: Any, tmp_path_factory: pytest.TempPathFactory, sort: str, seed: int
) -> None:
    kind = sort.partition("-")[0]
    path = tmp_path_factory.getbasetemp() / f"damaged.{kind}"
    path.write_bytes(mutated(kind, good[sort], seed))
    readers: list[Callable[[Path], Any]] = [read_metadata, nonzero_fraction]
    readers += [read_config] if kind == "keras" else [layer_zeros]
    for read in readers:
        assert "\n" not in (fault(read, path) or "")
