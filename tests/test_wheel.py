"""The built wheel holds the tree's packages, no more and no less; its base install does what it says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpers.commands import cli_command
from helpers.repository import ROOT
from sqnxt_sim import list_accelerators
from sqnxt_tf.data.digits import digits

SOURCES = {
    "sqnxt_base": ROOT / "base/sqnxt_base",
    "sqnxt_tf": ROOT / "sqnxt_tf",
    "sqnxt_export": ROOT / "export/sqnxt_export",
    "sqnxt_sim": ROOT / "simulator/sqnxt_sim",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that no build folder of the tree leaks into it."""
    copy = tmp_path_factory.mktemp("tree")
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in tracked.stdout.splitlines():
        if name.startswith(("sqnxt_tf/", "base/", "export/", "simulator/")) or "/" not in name:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy)]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_exactly_the_packages_of_the_tree(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tree = {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for package, folder in SOURCES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == tree


MOST_DEVICE_BYTES = 350e6


def fresh_environment(folder: Path, requirement: str) -> Path:
    """Install into an environment of its own, as the README says; its folder of programs."""
    venv.create(folder, with_pip=True)
    install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "--constraint", ROOT / "constraints.txt", requirement], check=True)
    return folder / "bin"


@pytest.mark.slow
def test_the_device_install_is_small_and_runs_its_verbs_without_tensorflow(wheel: Path, tmp_path: Path) -> None:
    programs = fresh_environment(tmp_path / "venv", f"{wheel}[device]")
    files = {file.stat().st_ino: file.lstat().st_size for file in (tmp_path / "venv").rglob("*") if file.is_file()}
    assert sum(files.values()) < MOST_DEVICE_BYTES
    assert not list((tmp_path / "venv").rglob("tensorflow*"))

    for name in ("net.onnx", "net.tflite"):
        export = ["export", "squeezenet_v1_1", "--input-size", "64", "--classes", "10", "--format", name.split(".")[1]]
        command = cli_command(*export, "--samples", 4, "-q", "-o", tmp_path / name)
        subprocess.run(command, check=True, capture_output=True)
    for index, image in enumerate(digits("test").batch(0, 10)):
        (tmp_path / "images" / str(index)).mkdir(parents=True)
        Image.fromarray(image).save(tmp_path / "images" / str(index) / "digit.png")

    def run(*command: object) -> str:
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def verb(*arguments: object) -> Any:
        return json.loads(run(programs / "sqnxt-tf", *arguments, "--json"))

    layers, lite = verb("benchmark", "net.onnx", "net.tflite", "--seconds", 2, "--accelerator", "squeezelerator-16x16")
    assert (layers["runtime"], lite["runtime"]) == ("onnxruntime", "LiteRT")
    assert layers["layers"]
    assert len(verb("classify", "net.tflite", "images")) == 10
    assert verb("inspect", "net.tflite")["metadata"]["network"] == "squeezenet_v1_1"
    assert {verb("evaluate", name, "--data", "images")["samples"] for name in ("net.onnx", "net.tflite")} == {10}
    assert verb("simulate", "net.onnx")["total"]["cycles"] > 0
    assert verb("doctor")["ready"]["device"]
    if shutil.which("npm"):  # as in CI, where the tests of webdemo fail without it
        assert verb("webdemo", "net.tflite", "-o", "site")["runtimes"]
    demo = run(programs / "python", ROOT / "examples" / "tflite_demo.py", "net.tflite", *tmp_path.glob("images/?/*"))
    assert demo.count(" ms\n") == 10


@pytest.mark.slow
def test_the_base_install_lists_summarises_and_simulates_without_tensorflow(wheel: Path, tmp_path: Path) -> None:
    programs = fresh_environment(tmp_path / "venv", str(wheel))

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [programs / "sqnxt-tf", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    graph = tmp_path / "graph.onnx"
    export = cli_command("export", "squeezenet_v1_1", "--format", "onnx", "-o", graph, "-q")
    subprocess.run(export, check=True, capture_output=True)
    assert len(json.loads(run("list", "--json").stdout)) == 44
    assert json.loads(run("summary", "alexnet", "--json").stdout)["params"] == 60_965_224
    report = json.loads(run("simulate", graph, "--json").stdout)
    assert report["total"]["macs"] == 349_151_936
    assert json.loads(run("compare", graph, graph, "--json").stdout)["layers"]
    assert len(json.loads(run("accelerators", "--json").stdout)) == len(list_accelerators())
    table3 = run("reproduce", "table3", "--json")
    assert {row["source"] for row in json.loads(table3.stdout)} == {"layer rows"}
    notes = [line for line in table3.stderr.splitlines() if line.startswith("note: ")]  # slow work tells progress too
    assert len(notes) == 1
    assert "layer rows" in notes[0]
    assert json.loads(run("search", "paper", "--json").stdout)["asked"] == 2052
    ready = json.loads(run("doctor", "--json").stdout)["ready"]
    assert {extra for extra, there in ready.items() if there} == {"base"}
    for arguments, extra in (
        (("train", "--network", "alexnet", "-o", "m.keras"), "train"),
        (("export", "alexnet", "--format", "onnx"), "train"),
        (("evaluate", graph), "device"),
        (("benchmark", graph), "device"),
        (("classify", graph, "image.png"), "device"),
        (("simulate", graph, "--roofline", "roofline.svg"), "report"),
        (("search", "--picture", "picture.html"), "report"),
        (("reproduce", "figure6"), "report"),
        (("search", "wide", "--trials", 2), "search"),
    ):
        done = run(*arguments)
        assert done.returncode == 2
        assert f"sqnxt-tf[{extra}]" in done.stderr
        assert len(done.stderr.splitlines()) == 1
