"""`compress` and `decompress` by their contract: a trained model, an artifact, and what is no container."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

NETWORK = "squeezenet_v1_1"


@pytest.mark.slow
def test_a_trained_model_through_both_verbs(cli: Any, tmp_path: Path) -> None:
    train = ["train", "--network", NETWORK, "--epochs", 1, "--input-size", 32, "--rate", 0.01, "-o", "model.keras"]
    assert cli(*train, "-q").code == 0
    ask = ["compress", "model.keras", "--density", 0.5, "--bits", 4, "--epochs", 1, "--format", "tflite"]
    done = cli(*ask, "--json").json()
    container = tmp_path / "model.tflite.sqz"
    assert done["path"] == container.name
    assert done["bytes"] == container.stat().st_size == sum(done["sections"].values())
    assert done["raw_bytes"] > done["zipped_bytes"] > done["bytes"]
    assert done["source"] == "model.keras"
    assert done["ratio"] > 10
    assert 0 <= done["overhead"] <= 0.03
    kernels = [tensor for tensor in done["tensors"] if tensor["low_bits"] == 0]
    assert len(kernels) == 26
    assert all(tensor["values"] <= 16 and tensor["nonzero"] <= 0.51 * tensor["weights"] for tensor in kernels)
    sharing = done["sharing"]
    assert (sharing["bits"], sharing["density"], sharing["parity"]["passed"]) == (4, 0.5, True)
    assert sharing["loss_after"] <= sharing["loss_before"]
    assert len(sharing["history"]) == 1

    restored = cli("decompress", container.name, "--json").json()
    assert restored["path"] == "model.tflite"
    assert restored["bytes"] == (tmp_path / "model.tflite").stat().st_size == done["raw_bytes"]
    assert restored["sha256"] == done["sha256"]
    assert cli("evaluate", "model.tflite", "--json").json()["top1"] == pytest.approx(sharing["top1_after"], abs=0.003)
    inspected = cli("inspect", "model.tflite", "--json").json()
    assert inspected["metadata"]["extra"]["compression"]["bits"] == 4
    assert inspected["nonzero_fraction"] == pytest.approx(0.5, abs=0.01)

    # the artifact is there now: compressed as it is, in words
    again = cli("compress", "model.tflite", "-o", "again.sqz").out
    assert "zeros alone do not shrink a .tflite: it stores every weight in 32 bits" in again
    assert "bit for bit" in again
    assert (tmp_path / "again.sqz").read_bytes() == container.read_bytes()
    for words in ("raw .tflite", "zipped", "coded weights", "frequency tables", "entropy of the weights"):
        assert words in again
    assert "--force" in cli("compress", "model.tflite", "-o", "again.sqz").error_line()
    assert "--force" in cli("decompress", container.name).error_line()
    assert cli("decompress", container.name, "--force").code == 0
    (tmp_path / "cut.sqz").write_bytes(container.read_bytes()[:-1000])
    assert "cut.sqz" in cli("decompress", "cut.sqz").error_line()
    assert "holds an .tflite file" in cli("decompress", "again.sqz", "-o", "x.onnx").error_line()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["compress", "nowhere.onnx"], "no such file"),
        (["compress", "nowhere.keras"], "no such file"),
        (["compress", "notes.txt"], "notes.txt"),
        (["compress", "nothing"], "is not known"),
        (["compress", "notes.onnx", "--bits", 4], "takes no --bits; give a .keras file"),
        (["compress", "notes.onnx"], "not an ONNX file"),
        (["compress", "alexnet", "--bits", 12], "bits 12"),
        (["compress", "alexnet", "--density", 0], "density 0"),
        (["compress", "alexnet", "--epochs", 1], "train it first"),
        (["compress", "alexnet", "--epochs", -1], "epochs = -1 is out of range"),
        (["compress", "alexnet", "--rate", 1], "give --epochs too"),
        (["decompress", "nowhere.sqz"], "no such file"),
        (["decompress", "notes.txt"], "not a container"),
        (["decompress", "."], "is a folder"),
    ],
)
def test_bad_input_ends_in_one_line(cli: Any, tmp_path: Path, arguments: list[object], fault: str) -> None:
    (tmp_path / "notes.txt").write_text("no model")
    (tmp_path / "notes.onnx").write_text("no model")
    assert fault in cli(*arguments).error_line()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.onnx", "notes.txt"]
