"""Other programs read the artifacts: four of those in benchmarks/clients.py, each installed in its own environment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.keras_networks import BUILDERS, randomise
from helpers.repository import ROOT
from sqnxt_export import ArtifactOptions, ExportSamples, Metadata, Preprocessing, export_model

pytestmark = pytest.mark.slow

KINDS = [
    *(("onnx", precision) for precision in ("float32", "float16", "int8-weights", "int8")),
    *(("tflite", precision) for precision in ("float32", "float16", "int8-weights", "int8", "int16x8")),
]
LARGEST = {"onnxruntime 1.15.1": 1e-5, "OpenCV": 0.02, "tract": 0.02, "LiteRT 1.1.2": 0.02}
"""Integer kernels round ties differently; a wrong graph differs by about 1."""
NEWEST_PYTHON = {"onnxruntime 1.15.1": (3, 11), "LiteRT 1.1.2": (3, 12)}
"""The newest Python that an old release has wheels for."""


@pytest.fixture(scope="module")
def clients() -> Any:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import clients
    finally:
        sys.path.pop(0)
    return clients


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Export a small network of shared tensors, grouped convolutions and biases in every precision."""
    folder = tmp_path_factory.mktemp("artifacts")
    model = randomise(BUILDERS["squeezenext_like"]())
    sides = model.input_shape[1:]
    pixels = np.random.default_rng(0).uniform(-1, 1, (16, *sides)).astype(np.float32)
    samples = ExportSamples(parity=pixels[:8], calibration=pixels[8:])
    metadata = Metadata(preprocessing=Preprocessing.plain(*sides[:2]))
    for suffix, precision in KINDS:
        options = ArtifactOptions(format=suffix, precision=precision)
        export_model(model, folder / f"small-{precision}.{suffix}", options, samples, metadata=metadata)
    return [folder / f"small-{precision}.{suffix}" for suffix, precision in KINDS]


@pytest.mark.parametrize("name", [name for name in LARGEST if sys.version_info[:2] <= NEWEST_PYTHON.get(name, (4, 0))])
def test_a_client_reads_every_precision(clients: Any, files: list[Path], tmp_path: Path, name: str) -> None:
    """OpenCV reads no quantised .tflite, and none of these clients is asked for int16, which few others have."""
    (client,) = (found for found in clients.CLIENTS if found.name == name)
    suffix = "tflite" if name.startswith("LiteRT") else "onnx"
    rows = list(clients.run_client(client, [path for path in files if path.suffix[1:] == suffix], tmp_path))
    assert [row.precision for row in rows] == [precision for kind, precision in KINDS if kind == suffix]
    for row in rows:
        assert row.accepted, row
        assert float(row.largest_difference) <= LARGEST[name], row
