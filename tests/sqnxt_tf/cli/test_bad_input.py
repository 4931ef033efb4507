"""Bad input ends in one line with object, fault and remedy, exit code 2, and nothing half-written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from helpers.commands import cli_command, run_python

NETWORK = "squeezenet_v1_1"


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small model in all formats."""
    folder = tmp_path_factory.mktemp("artifacts")

    def run(*arguments: str) -> None:
        subprocess.run(cli_command(*arguments, "-q"), cwd=folder, check=True, capture_output=True)

    run("train", "--network", NETWORK, "--epochs", "1", "--input-size", "32", "-o", "model.keras")
    run("export", "model.keras", "--format", "onnx", "-o", "model.onnx", "--samples", "4")
    run("export", "model.keras", "--format", "tflite", "-o", "model.tflite", "--samples", "4")
    return folder


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["summary", "sqnxt23v6_w1"], "is not known; did you mean"),
        (["summary", "alexnet", "--input-size", "20"], "too small"),
        (["summary", "alexnet", "--input-size", "big"], "is not a size"),
        (["summary", "alexnet", "--classes", "1"], "--classes"),
        (["frobnicate"], "No such command 'frobnicate'"),
        (["summary"], "Missing argument 'NETWORK'"),
        (["simulate", "nowhere.onnx"], "nowhere.onnx"),
        (["simulate", "."], "."),
        (["evaluate", "nowhere.keras"], "no such file"),
        (["evaluate", "."], "is a folder"),
        (["evaluate", "notes.txt"], "notes.txt"),
        (["inspect", "nowhere.tflite"], "no such file"),
        (["prune", "nowhere.keras", "-o", "p.keras"], "no such file"),
        (["prune", "nowhere.keras", "--scan"], "no such file"),
        (["prune", "notes.txt"], "Missing option '-o'"),
        (["prune", "notes.txt", "--scan", "-o", "p.keras"], "--output goes with pruning, not with --scan"),
        (["prune", "notes.txt", "--scan", "--sparsity", "0.4"], "--sparsity goes with pruning, not with --scan"),
        (["prune", "notes.txt", "--scan", "--scan-sparsities", "0.3,2"], "sparsity 2.0: is out of range"),
        (["prune", "notes.txt", "--scan", "--scan-sparsities", "few"], "is not a list of fractions"),
        (["prune", "notes.txt", "-o", "p.keras", "--scan-images", "9"], "--scan-images goes with --scan only"),
        (["prune", "notes.txt", "-o", "p.keras", "--pattern", "4:2"], "is not N:M"),
        (["prune", "notes.txt", "-o", "p.keras", "--ramp", "half"], "is not a part of the steps"),
        (["prune", "notes.txt", "-o", "p.keras", "--ramp", "0.5"], "is for the polynomial schedule only"),
        (["prune", "notes.txt", "-o", "p.keras", "--layer-sparsity", "stem"], "has no pattern"),
        (["prune", "notes.txt", "-o", "p.keras", "--layer-sparsity", "stem=x"], "does not end in a number"),
        (["prune", "alexnet", "-o", "p.keras"], "names a network, not a trained model"),
        (["train", "--network", "nothing", "-o", "m.keras"], "is not known"),
        (["train", "--network", "alexnet", "-o", "m.h5"], "give the output that suffix"),
        (["train", "-o", "m.keras"], "Missing option '--network'"),
        (["train", "--network", "alexnet", "--recipe", "papers", "-o", "m.keras"], "recipe 'papers': is not known"),
        (["train", "--network", "alexnet", "--recipe", "no.toml", "-o", "m.keras"], "no.toml: cannot be read"),
        (["train", "--network", "alexnet", "--set", "epoch=3", "-o", "m.keras"], "recipe: has no epoch"),
        (["train", "--network", "alexnet", "--set", "schedule=step", "-o", "m.keras"], "one of polynomial, cosine"),
        (["train", "--network", NETWORK, "--classes", "7", "-o", "m.keras"], "digits has 10 classes"),
        (["train", "--from", "no.keras", "-o", "m.keras"], "no.keras: no such file"),
        (["train", "--from", "alexnet", "-o", "m.keras"], "names a network, not a trained model"),
        (["train", "--network", NETWORK, "--teacher", "no.keras", "-o", "m.keras"], "no.keras: no such file"),
        (
            ["train", "--network", NETWORK, "--local-workers", "2", "--strategy", "mirrored", "-o", "m.keras"],
            "--local-workers and --strategy mirrored exclude each other",
        ),
        (["train", "--network", "alexnet", "-o", "no/m.keras"], "does not exist"),
        (["train", "--network", "alexnet", "--data", "nowhere", "-o", "m.keras"], "nowhere"),
        (["train", "--network", NETWORK, "--epochs", "0", "-o", "m.keras"], "epochs = 0 is out of range"),
        (["train", "--network", "alexnet", "--input-size", "32", "-o", "m.keras"], "too small"),
        (["export", "nothing", "--format", "onnx"], "is not known"),
        (["export", "missing.keras", "--format", "onnx"], "no such file"),
        (["export", NETWORK, "--format", "tflite", "--precision", "int16"], "--format onnx"),
        (["export", NETWORK, "--format", "onnx", "--precision", "int16x8"], "TFLite"),
        (
            ["export", NETWORK, "--format", "tflite", "--precision", "int8", "--calibration-method", "entropy"],
            "calibrates by min-max itself",
        ),
        (["export", NETWORK, "--format", "onnx", "--calibration", "9"], "float32 is not calibrated"),
        (
            ["export", NETWORK, "--format", "onnx", "--precision", "int16", "--max-drop", "1"],
            "--max-drop: is kept by leaving layers at 16 bits",
        ),
        (
            ["export", NETWORK, "--input-size", "32", "--format", "onnx", "--precision", "int8", "--max-drop", "1"],
            "has random weights",
        ),
        (["verify", "nowhere.onnx", "nowhere.tflite"], "no such file"),
        (["verify", "notes.txt", "notes.txt"], "notes.txt"),
        (["export", NETWORK, "--format", "tflite", "--batch", "free"], "a free batch: is not possible in TFLite"),
        (["export", NETWORK, "--format", "onnx", "--batch", "0"], "give a number of 1 to 4096, or free"),
        (["export", NETWORK, "--format", "onnx", "--batch", "²"], "is not a batch"),
        (["simulate", "notes.txt"], "notes.txt"),
        (["train", "--network", NETWORK, "--strategy", "multi-worker", "-o", "m.keras"], "TF_CONFIG names no workers"),
        (["train", "--network", "mobilenet_w1", "--input-size", "4", "-o", "m.keras"], "max_shift = 6"),
        (["train", "--network", NETWORK, "--rate", "nan", "-o", "m.keras"], "rate = nan is out of range"),
        (["evaluate", "nowhere.onnx", "--data", "."], "no such file"),
        (["summary", "alexnet", "--input-size", "0"], "out of range"),
    ],
)
def test_one_line_and_exit_code_2(cli: Any, tmp_path: Path, arguments: list[str], fault: str) -> None:
    (tmp_path / "notes.txt").write_text("no model")
    assert fault in cli(*arguments).error_line()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("suffix", ["keras", "onnx", "tflite"])
@pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.98])
def test_truncated_files_are_refused(cli: Any, tmp_path: Path, artifacts: Path, suffix: str, part: float) -> None:
    whole = (artifacts / f"model.{suffix}").read_bytes()
    (tmp_path / f"cut.{suffix}").write_bytes(whole[: int(part * len(whole))])
    assert f"cut.{suffix}" in cli("evaluate", f"cut.{suffix}").error_line()


@pytest.mark.parametrize("suffix", ["keras", "onnx", "tflite"])
def test_a_file_of_the_wrong_kind_is_refused(cli: Any, tmp_path: Path, artifacts: Path, suffix: str) -> None:
    other = {"keras": "onnx", "onnx": "tflite", "tflite": "keras"}[suffix]
    (tmp_path / f"odd.{suffix}").write_bytes((artifacts / f"model.{other}").read_bytes())
    assert f"odd.{suffix}" in cli("evaluate", f"odd.{suffix}").error_line()
    if suffix == "onnx":  # the simulator looks at the bytes, and reads both formats
        assert cli("simulate", "odd.onnx", "--json").json()["total"]["macs"] > 0
    if suffix == "keras":
        assert "odd.keras" in cli("export", "odd.keras", "--format", "onnx").error_line()


def test_a_dynamic_graph_is_refused_with_the_way_to_fix_it(cli: Any, tmp_path: Path, artifacts: Path) -> None:
    import onnx

    model = onnx.load(artifacts / "model.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(model, tmp_path / "free.onnx")
    assert "--batch" in cli("simulate", "free.onnx").error_line()
    assert cli("simulate", "free.onnx", "--batch", 1, "--json").json()["total"]["macs"] > 0


def test_a_keras_3_file_is_exported_with_or_without_augmentation(cli: Any, tmp_path: Path) -> None:
    import keras

    layers = [keras.layers.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]
    keras.Sequential(layers).save(tmp_path / "three.keras")
    keras.Sequential([layers[0], keras.layers.RandomFlip(name="flip"), *layers[1:]]).save(tmp_path / "flipped.keras")
    for name in ("three.keras", "flipped.keras"):
        assert cli("export", name, "--format", "onnx", "--json").json()["parity"]["passed"]


WRITING = {
    "export": ("out.onnx", ["export", "model.keras", "--format", "onnx", "--samples", 4, "-o", "out.onnx"]),
    "train": ("out.keras", ["train", "--network", NETWORK, "--epochs", 1, "--input-size", 32, "-o", "out.keras"]),
    "prune": ("out.keras", ["prune", "model.keras", "--epochs", 1, "-o", "out.keras"]),
}
"""Verb -> its output, and a command that writes it."""


@pytest.mark.parametrize("verb", WRITING)
def test_an_output_that_exists_stays(cli: Any, tmp_path: Path, artifacts: Path, verb: str) -> None:
    name, arguments = WRITING[verb]
    shutil.copy(artifacts / "model.keras", tmp_path)
    (tmp_path / name).write_text("precious")
    assert "--force" in cli(*arguments).error_line()
    assert (tmp_path / name).read_text() == "precious"


@pytest.mark.slow
@pytest.mark.parametrize("verb", WRITING)
def test_an_output_that_exists_is_replaced_by_force(cli: Any, tmp_path: Path, artifacts: Path, verb: str) -> None:
    name, arguments = WRITING[verb]
    shutil.copy(artifacts / "model.keras", tmp_path)
    (tmp_path / name).write_text("precious")
    assert cli(*arguments, "--force").code == 0
    assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_closed_or_full_stdout_ends_without_a_traceback(tmp_path: Path) -> None:
    command = cli_command("list")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    for reader in ("head -1", "true"):
        pipe = f"set -o pipefail; {sys.executable} -m sqnxt_tf.cli list | {reader}"
        done = subprocess.run(["/bin/bash", "-c", pipe], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/usr/bin/setpriv").exists(), reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, artifacts: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    drop = (
        ["/usr/bin/setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
        if os.geteuid() == 0
        else []
    )
    command = [*drop, *cli_command("export", artifacts / "model.keras", "--format", "onnx")]
    done = subprocess.run([*command, "-q", "-o", str(locked / "m.onnx")], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "read-only" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(locked.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "{artifacts}/model.keras", "--format", "onnx", "-o", "m.onnx"],
        ["export", "{artifacts}/model.keras", "--format", "tflite", "-o", "m.tflite"],
        ["prune", "{artifacts}/model.keras", "--epochs", "1", "-o", "p.keras"],
        ["train", "--network", NETWORK, "--epochs", "1", "--input-size", "32", "-o", "m.keras"],
    ],
)
def test_a_disk_that_fills_up_leaves_no_half_written_file(
    tmp_path: Path, artifacts: Path, arguments: list[str]
) -> None:
    """A limit on the size of files fails a write midway, as a full disk does; what coverage writes stays below it."""
    program = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
    program += f"sys.argv[1:] = {[a.format(artifacts=artifacts) for a in arguments] + ['-q']!r}\n"
    program += "from sqnxt_tf.cli.main import run; run()"
    done = run_python(program, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert list(tmp_path.iterdir()) == []  # a run of which nothing could be saved has no state to go on from


def test_a_test_part_that_cannot_be_read_is_told_before_training_and_leaves_nothing(cli: Any, tmp_path: Path) -> None:
    from PIL import Image

    for split in ("train", "validation", "test"):
        for name in ("a", "b"):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            Image.new("RGB", (32, 32), "red").save(tmp_path / "data" / split / name / "1.png")
    for name in ("a", "b"):
        (tmp_path / "data" / "test" / name / "1.png").write_bytes(b"broken")
    train = ["train", "--network", NETWORK, "--recipe", "digits", "--data", "data", "--input-size", 32, "-o", "m.keras"]
    assert "data/test: none of its images can be read" in cli(*train).error_line()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_force_never_removes_what_is_not_ours(cli: Any, tmp_path: Path, artifacts: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    evaluate = ["evaluate", artifacts / "model.keras", "--misclassified", "mine", "--force"]
    assert "thesis.txt" in cli(*evaluate).error_line()
    prune = ["prune", artifacts / "model.keras", "-o", artifacts / "model.keras", "--force"]
    assert "is the model itself" in cli(*prune).error_line()
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"


def test_a_model_is_proved_on_data_of_its_own_classes(cli: Any, tmp_path: Path, artifacts: Path) -> None:
    from PIL import Image

    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(2):
            Image.new("RGB", (32, 32), "red").save(tmp_path / "photos" / name / f"{index}.png")
    export = ["export", artifacts / "model.keras", "--format", "onnx", "-o", "m.onnx", "--data", "photos"]
    assert "trained for other classes" in cli(*export).error_line()
    named = ["export", NETWORK, "--classes", 2, "--input-size", 32, "--format", "onnx", "--precision", "int16"]
    exported = cli(*named, "--data", "photos", "-o", "n.onnx", "--json").json()
    assert exported["parity"]["samples"] == 2  # the other two were for calibration


def test_failed_parity_is_exit_code_1_with_the_figures_and_no_file(
    tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sqnxt_export.thresholds import MAX_REL_DIFF
    from sqnxt_tf.cli.main import run

    monkeypatch.setitem(MAX_REL_DIFF, "float16", -1.0)  # nothing is that equal
    export = ["export", str(artifacts / "model.keras"), "--format", "onnx", "--precision", "float16", "--json"]
    with pytest.raises(SystemExit) as end:
        run([*export, "-o", str(tmp_path / "h.onnx")])
    said = capsys.readouterr()
    assert end.value.code == 1
    assert "h.onnx: not written" in said.err
    assert json.loads(said.out)["parity"]["passed"] is False
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_is_exit_code_130(tmp_path: Path) -> None:
    command = cli_command("train", "--network", NETWORK, "--input-size", 32, "-o", "m.keras")
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while not (tmp_path / "m.train" / "history.csv").exists():
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read().splitlines()[-1] == "error: interrupted"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.train"]
