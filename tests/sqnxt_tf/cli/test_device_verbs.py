"""`benchmark` and `classify` by their contracts, and one line for whatever cannot be done."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpers.commands import cli_command
from sqnxt_export import open_model
from sqnxt_tf import load_data

NETWORK = "squeezenet_v1_1"
QUICK = ("--seconds", 0.5)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small network in both formats, one of them taking pixels, and a few digits as files."""
    folder = tmp_path_factory.mktemp("artifacts")
    for name, options in (("net.onnx", []), ("net.tflite", []), ("pixels.tflite", ["--embed-preprocessing"])):
        export = ["export", NETWORK, "--input-size", "32", "--format", name.split(".")[1], "--samples", "4", "-o", name]
        command = cli_command(*export, "-q", "--classes", 10, *options)
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (folder / "digits").mkdir()
    digits = load_data("digits", "test")
    for index in range(3):
        Image.fromarray(digits.image(index)).save(folder / "digits" / f"{index}.png")
    return folder


def test_benchmark_by_its_contract(cli: Any, artifacts: Path) -> None:
    done = cli("benchmark", artifacts / "net.onnx", artifacts / "pixels.tflite", *QUICK, "--threads", "1,2", "--json")
    rows = done.json()
    assert [(row["format"], row["threads"]) for row in rows] == [("onnx", 1), ("onnx", 2), ("tflite", 1), ("tflite", 2)]
    assert [row["provider"] for row in rows] == ["CPUExecutionProvider"] * 2 + ["XNNPACK"] * 2
    assert all(row["precision"] == "float32" and row["runs"] >= row["rounds"] > 0 for row in rows)
    assert all(row["latency_ms"]["p50"] <= row["latency_ms"]["p99"] for row in rows)
    assert all("layers" not in row for row in rows)


def compared_layers(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the layers that were both measured and simulated."""
    return [layer for layer in entry["layers"] if layer["simulated_cycles"] is not None]


def test_layers_stand_beside_the_accelerators(cli: Any, tmp_path: Path, artifacts: Path) -> None:
    ask = ["benchmark", artifacts / "net.onnx", artifacts / "net.tflite", *QUICK]
    done = cli(*ask, "--accelerator", "squeezelerator-8x8", "--plot", "layers.svg", "--json")
    net, lite = done.json()
    assert net["accelerator"] == "squeezelerator-8x8"
    assert {layer["name"] for layer in lite["layers"]} >= {layer["name"] for layer in compared_layers(net)}
    assert all(layer["kernels"] for layer in lite["layers"])  # XNNPACK ran all of it
    assert (net["beside"], lite["beside"]) == (str(artifacts / "net.tflite"), str(artifacts / "net.onnx"))
    for entry in (net, lite):
        assert sum(layer["beside_ms"] is not None for layer in entry["layers"]) >= 26
        compared = compared_layers(entry)
        assert len(compared) == 26  # SqueezeNet's convolutions
        for kind in ("measured_share", "simulated_share"):
            assert sum(layer[kind] for layer in compared) == pytest.approx(1)
    simulated = cli("simulate", artifacts / "net.onnx", "--accelerator", "squeezelerator-8x8", "--json").json()
    assert sum(layer["simulated_cycles"] for layer in compared) == pytest.approx(simulated["total"]["cycles"])
    assert lite["simulated_cycles"] == net["simulated_cycles"] == pytest.approx(simulated["total"]["cycles"])
    assert 0 < net["not_simulated_share"] < 1
    assert "<svg" in (tmp_path / "layers.svg").read_text()[:2000]

    rows = list(csv.DictReader(io.StringIO(cli(*ask, "--per-layer", "--csv").out)))
    assert {row["path"] for row in rows} == {str(artifacts / "net.onnx"), str(artifacts / "net.tflite")}
    assert sum(float(row["measured_share"]) for row in rows) == pytest.approx(2)


def test_layers_in_another_version_of_litert_end_with_one_line(
    cli: Any, tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other" / "ai_edge_litert-9.9.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: ai-edge-litert\nVersion: 9.9.9\n")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(other.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    )
    done = cli("benchmark", artifacts / "net.tflite", *QUICK, "--per-layer")
    assert done.code == 2
    (line,) = [line for line in done.err.splitlines() if line.startswith("error")]
    assert "ai-edge-litert 9.9.9: has a C interface that is not known here" in line
    assert "install it with `pip install ai-edge-litert==" in line
    assert "p50 ms" in done.out  # the file itself was timed


def test_a_person_gets_tables_and_pictures(cli: Any, tmp_path: Path, artifacts: Path) -> None:
    files = [artifacts / "net.onnx", artifacts / "net.tflite"]
    done = cli("benchmark", *files, *QUICK, "--per-layer", "--plot", "layers.png")
    assert done.code == 0, done.err
    for word in (
        "p50 ms",
        "95 % interval",
        "XNNPACK",
        "take turns",
        "quartiles %",
        "ReorderOutput",
        "onnxruntime ms",
        "LiteRT ms",
        "total",
    ):
        assert word in done.out
    with Image.open(tmp_path / "layers.png") as picture:
        assert picture.width > 500
    rows = list(csv.DictReader(io.StringIO(cli("benchmark", *files, *QUICK, "--csv", "--plot", "files.pdf").out)))
    assert [row["runtime"] for row in rows] == ["onnxruntime", "LiteRT"]
    assert float(rows[1]["latency_ms.p50"]) > 0
    assert float(rows[1]["ratio.interval.0"]) <= float(rows[1]["ratio.value"]) <= float(rows[1]["ratio.interval.1"])
    assert (tmp_path / "files.pdf").read_bytes().startswith(b"%PDF")


def test_classify_by_its_contract(cli: Any, artifacts: Path) -> None:
    for name in ("net.tflite", "pixels.tflite", "net.onnx"):
        answers = cli("classify", artifacts / name, artifacts / "digits", "--top", 3, "--json").json()
        assert [Path(answer["image"]).name for answer in answers] == ["0.png", "1.png", "2.png"]
        for answer in answers:
            assert len(answer["top"]) == 3
            assert answer["top"][0]["probability"] >= answer["top"][1]["probability"] > 0
            assert {one["label"] for one in answer["top"]} <= {str(digit) for digit in range(10)}
            assert answer["inference_ms"] > 0
    done = cli("classify", artifacts / "net.tflite", artifacts / "digits")
    assert done.code == 0
    assert done.out.count(" ms for the image") == 3
    assert "█" in done.out
    assert "3 images; median" in done.out


def test_classify_sees_what_the_network_says(cli: Any, artifacts: Path) -> None:
    from sqnxt_export import read_metadata

    metadata = read_metadata(artifacts / "net.onnx")
    assert metadata is not None
    assert metadata.preprocessing is not None
    digits = load_data("digits", "test")
    logits = open_model(artifacts / "net.onnx").run(metadata.preprocessing.apply(digits.batch(0, 3)))
    answers = cli("classify", artifacts / "net.onnx", artifacts / "digits", "--json").json()
    assert [int(answer["top"][0]["label"]) for answer in answers] == logits.argmax(axis=1).tolist()


CV2 = """
import numpy as np
COLOR_BGR2RGB, CAP_PROP_BUFFERSIZE = 4, 38
def cvtColor(frame, code): return frame[..., ::-1]
class VideoCapture:
    def __init__(self, source): self.source = source
    def isOpened(self): return self.source == 0
    def set(self, name, value): pass
    def read(self): return True, np.zeros((48, 64, 3), np.uint8)
    def release(self): pass
"""


def test_a_camera_is_looked_through(cli: Any, tmp_path: Path, artifacts: Path) -> None:
    """OpenCV is an extra of its own; a stand-in of that name answers here."""
    (tmp_path / "stand-in").mkdir()
    (tmp_path / "stand-in" / "cv2.py").write_text(CV2)
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "stand-in"), os.environ.get("PYTHONPATH", "")])}
    ask = ["classify", artifacts / "net.tflite", "--camera"]
    answers = cli(*ask, "0", "--frames", 4, "--json", env=env).json()
    assert [answer["image"] for answer in answers] == [f"frame {number}" for number in (1, 2, 3, 4)]
    assert "camera 7: cannot be opened" in cli(*ask, "7", env=env).error_line()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["benchmark"], "Missing argument 'FILE...'"),
        (["benchmark", "nowhere.onnx"], "no such file"),
        (["benchmark", "notes.txt"], "unknown kind of file"),
        (["benchmark", "model.keras"], "is a model, not an artifact"),
        (["benchmark", "bad.onnx"], "not an ONNX file"),
        (["benchmark", "bad.tflite"], "not a .tflite file"),
        (["benchmark", "bad.onnx", "--threads", "1,no"], "is not a list of threads"),
        (["benchmark", "bad.onnx", "--threads", "0"], "is not a list of threads"),
        (["benchmark", "bad.onnx", "--accelerator", "nothing"], "nothing"),
        (["benchmark", "bad.onnx", "--plot", "a.gif"], "is not the name of a picture"),
        (["benchmark", "bad.onnx", "--plot", "notes.txt.svg/a.svg"], "does not exist"),
        (["benchmark", "bad.onnx", "--csv", "--json"], "leave one out"),
        (["classify", "nowhere.tflite", "a.png"], "no such file"),
        (["classify", "bad.tflite", "a.png"], "not a .tflite file"),
        (["classify", "bad.tflite"], "give images or folders, or --camera"),
        (["classify", "bad.tflite", "a.png", "--camera", "0"], "and not both"),
        (["classify", "bad.tflite", "--camera", "0", "--json"], "give --frames"),
        (["classify", "bad.tflite", "a.png", "--frames", "3"], "give that too"),
    ],
)
def test_one_line_and_exit_code_2(cli: Any, tmp_path: Path, arguments: list[str], fault: str) -> None:
    for name in ("notes.txt", "model.keras", "bad.onnx", "bad.tflite"):
        (tmp_path / name).write_text("no model")
    assert fault in cli(*arguments).error_line()


def test_the_other_files_are_done_and_the_exit_code_tells(cli: Any, tmp_path: Path, artifacts: Path) -> None:
    (tmp_path / "bad.onnx").write_text("no model")
    done = cli("benchmark", "bad.onnx", artifacts / "net.onnx", "gone.tflite", *QUICK, "--json", "-q")
    assert done.code == 2
    assert [Path(row["path"]).name for row in json.loads(done.out)] == ["net.onnx"]
    assert [line.split(":")[1].strip() for line in done.err.splitlines()] == ["bad.onnx", "gone.tflite"]

    (tmp_path / "cut.png").write_bytes((artifacts / "digits" / "0.png").read_bytes()[:50])
    done = cli("classify", artifacts / "net.tflite", "cut.png", artifacts / "digits" / "1.png", "gone.png", "--json")
    assert done.code == 2
    assert [Path(answer["image"]).name for answer in json.loads(done.out)] == ["1.png"]
    *errors, count = done.err.splitlines()
    assert [line.partition(":")[0] for line in errors] == ["error", "error"]
    assert count == "2 images cannot be read or classified, and were left out"
    only = cli("classify", artifacts / "net.tflite", "cut.png", "--json")
    assert "cannot be read as an image" in only.error_line()


def test_ctrl_c_ends_it_and_leaves_no_process(tmp_path: Path, artifacts: Path) -> None:
    command = cli_command("benchmark", artifacts / "net.onnx", "--tolerance", 0.1)
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        workers: list[int] = []
        while not workers:  # the child of the child, once it is there
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            workers = [int(child) for child in children]
            time.sleep(0.05)
        time.sleep(
            0.2
        )  # the child still loads its runtime: on a quiet machine a second is enough for the whole benchmark
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=30)
        assert process.returncode == 130
        assert told.splitlines()[-1] == "error: interrupted"
        assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


@pytest.mark.parametrize(("library", "name"), [("onnxruntime", "net.onnx"), ("ai_edge_litert", "net.tflite")])
def test_an_absent_runtime_names_its_extra(cli: Any, tmp_path: Path, artifacts: Path, library: str, name: str) -> None:
    (tmp_path / "absent").mkdir()
    (tmp_path / "absent" / f"{library}.py").write_text("raise ImportError('not here')")
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "absent"), os.environ.get("PYTHONPATH", "")])}
    for arguments in (["benchmark", artifacts / name], ["classify", artifacts / name, artifacts / "digits"]):
        assert "pip install 'sqnxt-tf[device]'" in cli(*arguments, env=env).error_line()
