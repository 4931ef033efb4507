"""Fixtures of the tests of `sqnxt_export`: small networks, samples for them, and good files of each kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from helpers.keras_networks import BUILDERS, SIDE, randomise
from sqnxt_export import ExportError, save_keras, to_onnx, to_tflite


@pytest.fixture(scope="session")
def models() -> dict[str, Any]:
    """Return every small network, built once, with seeded weights."""
    import tf_keras as keras

    keras.utils.set_random_seed(3)
    return {name: randomise(build()) for name, build in BUILDERS.items()}


@pytest.fixture(scope="session")
def images() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return smooth random images, float32 [24, SIDE, SIDE, 3] in -1..1."""
    rng = np.random.default_rng(11)
    coarse = rng.uniform(-1, 1, (24, 5, 5, 3)).astype(np.float32)
    return np.ascontiguousarray(coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :SIDE, :SIDE])


@pytest.fixture(scope="session")
def files(models: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write one good file of each kind."""
    folder = tmp_path_factory.mktemp("good")
    model = models["squeezenext_like"]
    paths = {suffix: folder / f"net.{suffix}" for suffix in ("keras", "onnx", "tflite")}
    save_keras(model, paths["keras"])
    onnx.save(to_onnx(model), paths["onnx"])
    paths["tflite"].write_bytes(to_tflite(model, "float32"))
    return paths


@pytest.fixture(scope="session")
def fault() -> Callable[[Callable[[Path], Any], Path], str | None]:
    """Return a function that reads a file and returns the error message, or None if the file was read.

    Any other exception fails the test.
    """

    def told(read: Callable[[Path], Any], path: Path) -> str | None:
        try:
            read(path)
        except ExportError as error:
            return str(error)
        return None

    return told
