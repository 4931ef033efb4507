"""`export --embed-preprocessing` and `--batch free`, and what the other verbs make of such files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

NETWORK = "squeezenet_v1_1"


@pytest.mark.slow
def test_an_artifact_that_takes_pixels_goes_through_every_verb(cli: Any, tmp_path: Path) -> None:
    assert cli("train", "--network", NETWORK, "--epochs", 1, "--input-size", 32, "-o", "model.keras", "-q").code == 0
    for suffix, precision in (("onnx", "int8"), ("tflite", "float16")):
        export = ["export", "model.keras", "--format", suffix, "--precision", precision, "--samples", 8]
        assert cli(*export, "--embed-preprocessing", "-o", f"raw.{suffix}", "--json").json()["parity"]["passed"]
        assert cli(*export, "-o", f"plain.{suffix}", "--json").json()["parity"]["passed"]
        raw, plain = (cli("evaluate", f"{name}.{suffix}", "--json").json() for name in ("raw", "plain"))
        assert raw["top1"] == pytest.approx(plain["top1"], abs=0.01)
        lines = cli("inspect", f"raw.{suffix}").out
        assert "uint8 pixels as they are, RGB; inside the file: mean [127.5, 127.5, 127.5], scale" in lines
        inspected = cli("inspect", f"raw.{suffix}", "--json").json()
        metadata = inspected["metadata"]
        assert metadata["preprocessing"]["mean"] == [0.0, 0.0, 0.0]
        assert metadata["extra"]["embedded_preprocessing"]["scale"] == [127.5, 127.5, 127.5]
        assert metadata["source_hash"]
        assert metadata["accuracy"] is not None
        assert metadata["versions"]["tf_keras"]
        assert inspected["nonzero_fraction"] == metadata["nonzero_fraction"]
    macs = [cli("simulate", f"{name}.onnx", "--json").json()["total"]["macs"] for name in ("raw", "plain")]
    assert macs[0] == macs[1]


def test_a_free_batch(cli: Any, tmp_path: Path) -> None:
    import onnx

    export = ["export", NETWORK, "--classes", 10, "--input-size", 32, "--format", "onnx", "--batch", "free"]
    assert cli(*export, "-o", "a.onnx", "--json").json()["parity"]["passed"]
    first = onnx.load(tmp_path / "a.onnx").graph.input[0].type.tensor_type.shape.dim[0]
    assert first.dim_param == "batch"
    assert cli("simulate", "a.onnx", "--batch", 2, "--json").json()["total"]["macs"] > 0
