"""Hundreds of damaged and hostile files of settings: each is read, or refused in one printable line.

What a reader raises that is no `SqnxtError` would end the command line in "unexpected ... run it again with --verbose
and report it", which counts as a defect here whatever the file was.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.fuzzing import fuzz_seeds
from helpers.hostile_texts import ODD_TOML, damaged_bytes, damaged_json, damaged_toml
from helpers.images import write_images
from helpers.onnx_graphs import write_quadrants
from helpers.repository import ROOT
from sqnxt_base.printable_text import printable
from sqnxt_export.artifact.layouts import parse_layouts
from sqnxt_export.artifact.metadata import Metadata
from sqnxt_sim import load_accelerator
from sqnxt_tf.cli.main import run
from sqnxt_tf.data.catalogue import read_catalogue, read_label_names
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.evolution.lineage import read_lineage
from sqnxt_tf.exploration.space_file import load_space
from sqnxt_tf.preprocessing_rules import preprocessing_from, read_labels
from sqnxt_tf.training.recipe_files import load_recipe, parse_settings
from sqnxt_tf.training.run_folder import RunFolder
from sqnxt_tf.training.strategies import check_cluster
from sqnxt_tf.webdemo.site import check_site
from sqnxt_tf.workflows import data_pack

CASES = 300  # of each kind of file
SECONDS = 10  # of one file, on a busy machine
LONGEST_LINE = 70_000  # characters: 50 faults of a thousand


def texts(folder: str) -> list[str]:
    return [path.read_text() for path in sorted((ROOT / folder).glob("*.toml"))]


SPACES = texts("sqnxt_tf/exploration/spaces")
RECIPES = texts("sqnxt_tf/training/presets")
ACCELERATORS = texts("simulator/sqnxt_sim/machine/presets")
PREPROCESSING = ['mean = [123.0, 117.0, 104.0]\nscale = [1, 1, 1]\nresize = "stretch"\n', "scale = 255\n"]

SHARD = {"images": 8, "bytes": 100, "sha256": "ab"}
PACKING = {
    "settings": {"data": "images", "files": "ab", "shards": 2, "seed": 0},
    "shards": {"train-00000-of-00002": SHARD},
    "unreadable": {"train-00000-of-00002": {"a/0.jpg": "cannot be read"}},
}
CATALOGUE = {"version": 1, "class_names": ["a", "b"], "first_label": 1, "shards": {"train-00000-of-00001": SHARD}}
METADATA = json.loads(
    Metadata(
        network="sqnxt23_w1",
        labels=("a", "b"),
        preprocessing=preprocessing_from("imagenet", (9, 9, 3)),
        input_size=(9, 9),
        nonzero_fraction=0.5,
        versions={"numpy": "2"},
        accuracy=0.9,
        data="digits",
        extra={"embedded_preprocessing": {"mean": [0.0]}},
    ).to_json()
)
MEMBER = {
    "name": "founder",
    "parent": None,
    "generation": 0,
    "environment": None,
    "filters": 9,
    "parameters": 9,
    "bytes": 36,
    "macs": 9,
    "cycles": 9.0,
    "energy": 9.0,
    "validation": 0.9,
    "top1": 0.9,
    "top1_low": 0.8,
    "top1_high": 1.0,
    "sha256": "ab",
}
LINEAGE = {"settings": {"seed": 0, "accelerator": "eyeriss"}, "members": [MEMBER]}
CLUSTER = {"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}


def file_in(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def read_metadata_text(folder: Path, data: bytes) -> None:
    metadata = Metadata.from_json(data)
    metadata.whole_preprocessing()
    assert Metadata.from_json(metadata.to_json()) == metadata


def read_packing(folder: Path, data: bytes) -> None:
    data_pack._begin(file_in(folder, "packing.json", data).parent, dict(PACKING["settings"]), force=False)


def read_settings(folder: Path, data: bytes) -> None:
    file_in(folder, "settings.json", data)
    RunFolder(folder).begin({"epochs": 3, "data": "digits"})


def read_cluster(folder: Path, data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        try:
            patch.setenv("TF_CONFIG", data.decode("utf-8", "surrogateescape"))
        except ValueError:  # a NUL, which no variable can hold
            return
        check_cluster()


def read_parts(folder: Path, data: bytes) -> None:
    file_in(folder, "labels.txt", data)
    read_label_names(folder)


def toml_of(sound: list[str]) -> Callable[[random.Random], bytes]:
    return lambda source: damaged_toml(source.choice(sound), source)


def json_of(sound: Any) -> Callable[[random.Random], bytes]:
    return lambda source: damaged_json(sound, source)


KINDS: dict[str, tuple[Callable[[random.Random], bytes], Callable[[Path, bytes], Any]]] = {
    "space": (toml_of(SPACES), lambda folder, data: load_space(file_in(folder, "x.toml", data))),
    "recipe": (toml_of(RECIPES), lambda folder, data: load_recipe(file_in(folder, "x.toml", data))),
    "accelerator": (toml_of(ACCELERATORS), lambda folder, data: load_accelerator(file_in(folder, "x.toml", data))),
    "preprocessing": (
        toml_of(PREPROCESSING),
        lambda folder, data: preprocessing_from(str(file_in(folder, "x.toml", data)), (9, 9, 3)),
    ),
    "packing.json": (json_of(PACKING), read_packing),
    "dataset.json": (
        json_of(CATALOGUE),
        lambda folder, data: read_catalogue(file_in(folder, "dataset.json", data).parent),
    ),
    "metadata": (json_of(METADATA), read_metadata_text),
    "layouts": (json_of({"x": "NCHW"}), lambda folder, data: parse_layouts(data.decode(errors="replace"))),
    "lineage.json": (json_of(LINEAGE), lambda folder, data: read_lineage(file_in(folder, "lineage.json", data).parent)),
    "settings.json": (json_of({"epochs": 3, "data": "digits"}), read_settings),
    "contents.json": (
        json_of({"generator": "sqnxt-tf webdemo", "files": ["index.html"]}),
        lambda folder, data: check_site(file_in(folder, "contents.json", data).parent, force=True),
    ),
    "TF_CONFIG": (json_of(CLUSTER), read_cluster),
    "labels.json": (json_of(["cat", "dog"]), lambda folder, data: read_labels(file_in(folder, "x.json", data))),
    "labels.txt": (
        lambda source: damaged_bytes(b"1:cat\n2:dog\n3:caf\xc3\xa9\n", source),
        lambda folder, data: (read_labels(file_in(folder, "x.txt", data)), read_parts(folder, data)),
    ),
    "--set": (
        lambda source: f"{source.choice(('rate', 'epochs', 'x'))}={source.choice(ODD_TOML)}".encode(),
        lambda folder, data: load_recipe("digits").overridden(**parse_settings([data.decode()])),
    ),
}


def refuse_badly(read: Callable[[Path, bytes], Any], folder: Path, data: bytes) -> str:
    """Return what is wrong with how a file is refused; nothing if it is read, or refused as it should be."""
    began = time.monotonic()
    try:
        read(folder, data)
    except SqnxtError as error:
        line = str(error)
        if line != printable(line) or len(line) > LONGEST_LINE:
            return f"not a printable line of a sensible length: {line[:200]!r}"
    except Exception as error:
        return f"unexpected {type(error).__name__}: {error!s:.200}"
    took = time.monotonic() - began
    return f"took {took:.1f} s" if took > SECONDS else ""


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_of_settings_is_read_or_refused_in_a_line(kind: str, tmp_path: Path) -> None:
    make, read = KINDS[kind]
    failures = {}
    for seed in range(CASES):
        data = make(random.Random(seed))
        folder = tmp_path / str(seed)
        folder.mkdir()
        if fault := refuse_badly(read, folder, data):
            failures[seed] = (fault, data[:300])
    assert not failures


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("kind", KINDS)
def test_thousands_more(kind: str, tmp_path: Path) -> None:
    make, read = KINDS[kind]
    for seed in fuzz_seeds(100):
        folder = tmp_path / str(seed)
        folder.mkdir()
        assert not refuse_badly(read, folder, make(random.Random(seed))), seed


COMMANDS: dict[str, tuple[str, list[str]]] = {
    "accelerator": ("x.toml", ["accelerators", "x.toml"]),
    "space": ("x.toml", ["search", "x.toml"]),
    "recipe": ("x.toml", ["train", "--network", "squeezenet_v1_1", "--recipe", "x.toml", "-o", "model.keras"]),
    "preprocessing": ("x.toml", ["classify", "net.onnx", "0.png", "--preprocessing", "x.toml"]),
    "labels.txt": ("x.txt", ["classify", "net.onnx", "0.png", "--labels", "x.txt"]),
    "packing.json": ("packed/packing.json", ["data", "pack", "images", "-o", "packed"]),
    "dataset.json": ("shards/dataset.json", ["data", "check", "shards"]),
}
"""Kind -> where a verb finds the file, and the verb."""
WORK = ("space", "recipe")  # a sound file of these kinds would start hours of it


@pytest.mark.parametrize("kind", COMMANDS)
def test_the_command_line_never_calls_a_file_unexpected(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way, from a file to the line on the terminal."""
    monkeypatch.chdir(tmp_path)
    write_quadrants(Path("net.onnx"))
    write_images(Path("images"), 1).joinpath("a/00.jpg").rename("0.png")
    for folder in ("packed", "shards", "read"):
        Path(folder).mkdir()
    Path("shards/train-00000-of-00001").touch()
    make, read = KINDS[kind]
    place, command = COMMANDS[kind]
    codes = set()
    for seed in range(30):
        data = make(random.Random(seed))
        if kind in WORK and not is_refused(read, tmp_path / "read", data):
            continue
        Path(place).write_bytes(data)
        with pytest.raises(SystemExit) as ended:
            run(command)
        codes.add(ended.value.code)
        printed = capfd.readouterr()
        lines = [line for line in printed.err.splitlines() if not line.startswith("note: ")]
        assert len(lines) == (ended.value.code == 2), printed.err
        assert "unexpected" not in printed.err
    assert 2 in codes
    assert codes <= {0, 1, 2}


def is_refused(read: Callable[[Path, bytes], Any], folder: Path, data: bytes) -> bool:
    try:
        read(folder, data)
    except SqnxtError:
        return True
    return False
