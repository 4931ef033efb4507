"""Train, prune, export, evaluate, inspect, simulate: a small network through every verb, by their contracts."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

NETWORK = "squeezenet_v1_1"


@pytest.mark.slow
def test_every_verb_reads_what_the_one_before_wrote(cli: Any, tmp_path: Path) -> None:
    train = ["train", "--network", NETWORK, "--epochs", 2, "--input-size", 32, "--rate", 0.01, "-o", "model.keras"]
    trained = cli(*train, "--json").json()
    assert trained["epochs"] == 2
    with (tmp_path / "model.train" / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert "--force" in cli(*train).error_line()

    pruned = cli("prune", "model.keras", "--sparsity", 0.4, "--epochs", 1, "-o", "pruned.keras", "--json").json()
    assert pruned["sparsity"] == pytest.approx(0.4, abs=1e-3)
    assert all(layer["sparsity"] == pytest.approx(0.4, abs=1 / layer["weights"]) for layer in pruned["layers"])

    low, high = pruned["top1_before_interval"]
    assert low < pruned["top1_before"] < high
    assert pruned["top1_lost"] == pytest.approx(pruned["top1_before"] - pruned["test"]["top1"])
    assert pruned["top1_lost_interval"][0] < pruned["top1_lost"] < pruned["top1_lost_interval"][1]
    assert pruned["dense"] == []

    for suffix, precision in (("onnx", "float32"), ("onnx", "int16"), ("tflite", "float16")):
        export = ["export", "pruned.keras", "--format", suffix, "--precision", precision, "--samples", 8, "--json"]
        exported = cli(*export).json()
        path = f"pruned-{precision}.{suffix}"
        assert (exported["path"], exported["format"], exported["precision"]) == (path, suffix, precision)
        assert exported["bytes"] == (tmp_path / path).stat().st_size > exported["compressed_bytes"]
        assert exported["nonzero_fraction"] == pytest.approx(0.6, abs=2e-3)
        contract = {"max_abs_diff", "max_rel_diff", "top1_agreement", "samples", "passed"}
        assert set(exported["parity"]) == contract | {"sqnr_db", "proves_nothing", "unsure", "outputs"}
        assert exported["parity"]["passed"]
        assert exported["parity"]["samples"] == 8
        assert exported["source"] == "pruned.keras"

    answers = [
        cli("evaluate", name, "--json").json()
        for name in ("pruned.keras", "pruned-int16.onnx", "pruned-float16.tflite")
    ]
    assert {answer["samples"] for answer in answers} == {359}
    assert max(a["top1"] for a in answers) - min(a["top1"] for a in answers) <= 0.01
    assert all(a["top1_interval"][0] < a["top1"] <= a["top5"] for a in answers)

    inspected = cli("inspect", "pruned-int16.onnx", "--json").json()
    assert (inspected["opset"], inspected["ir_version"]) == (21, 10)  # only 16 bits need as much
    assert inspected["metadata"]["labels"] == list("0123456789")
    assert inspected["metadata"]["preprocessing"]["resize"] == "stretch"
    zeros = {layer["name"]: layer["zeros"] for layer in inspected["layers"]}
    in_model = {layer["name"]: layer["zeros"] for layer in pruned["layers"]}
    assert zeros.keys() == in_model.keys()
    assert all(zeros[name] >= in_model[name] for name in zeros)  # 16 bits may round a tiny weight to zero

    layers = cli("inspect", "pruned-int16.onnx", "--layers").out
    assert all(any(line.split()[:1] == [name] for line in layers.splitlines()) for name in zeros)

    dense = cli("simulate", "pruned-float32.onnx", "--sparsity", 0, "--json").json()
    sparse = cli("simulate", "pruned-int16.onnx", "--dataflow", "output-stationary", "--json").json()
    assert (
        dense["total"]["macs"]
        == sparse["total"]["macs"]
        == cli("summary", NETWORK, "--classes", 10, "--input-size", 32, "--json").json()["macs"]
    )
    costed = [layer for layer in sparse["layers"] if layer["costed"]]
    assert {(layer["weight_bits"], layer["activation_bits"]) for layer in costed} == {(16, 16)}
    assert all(layer["weight_sparsity"] == pytest.approx(0.4, abs=0.02) for layer in costed)
    assert {layer["dataflow"] for layer in costed} == {"output_stationary"}
    assert sum(layer["cycles"] for layer in sparse["layers"]) == pytest.approx(sparse["total"]["cycles"])


def test_evaluation_shows_confusion_and_writes_the_misclassified(cli: Any, tmp_path: Path) -> None:
    train = [
        "train",
        "--network",
        NETWORK,
        "--epochs",
        1,
        "--input-size",
        32,
        "--rate",
        0.01,
        "-o",
        "model.keras",
        "-q",
    ]
    assert cli(*train).code == 0
    result = cli("evaluate", "model.keras", "--confusion", "--misclassified", "wrong", "--json").json()
    wrong = sum(sum(row) for row in result["confusion"]) - sum(result["confusion"][i][i] for i in range(10))
    assert wrong == len(result["misclassified"]) == len(list((tmp_path / "wrong").iterdir())) > 0
    assert wrong == round((1 - result["top1"]) * 359)
    assert "is not empty" in cli("evaluate", "model.keras", "--misclassified", "wrong").error_line()
