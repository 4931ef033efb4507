"""No fault of a disk, and no power cut, loses a file, leaves one half-written, or leaves a temporary one.

Every call of every writer of `helpers/fault_scenarios.py` fails in turn, as the system would let it fail, and the power
is cut after every call. What the command line says is one line; what stood there is whole; the next run succeeds.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from helpers.commands import cli_command, helper_program
from helpers.fault_runs import RUNS
from helpers.fault_scenarios import SCENARIOS
from helpers.faulty_files import compile_library, environment
from helpers.repository import ROOT

FAST = ("accelerators", "decompress", "metadata", "checkpoint", "end of a run", "evolve")
MAY_RENAME = {
    "base/sqnxt_base/durable.py": "files",
    "sqnxt_tf/output_folder.py": "folders",
    "sqnxt_tf/training/run_folder.py": "the end of a run, whose settings get another name",
}


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_library(tmp_path_factory.mktemp("library"))


def swept(library: Path, folder: Path, names: Sequence[str], *, faults: int, runs: int) -> list[dict[str, Any]]:
    """Sweep scenarios in a process of its own, and return what it found."""
    place = folder / "-".join(names[0].split())
    place.mkdir()
    done = subprocess.run(
        helper_program("fault_sweep", place, faults, runs, *names),
        env={**os.environ, **environment(library, place), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_the_first_faults_of_quick_writers(library: Path, tmp_path: Path) -> None:
    found = swept(library, tmp_path, FAST, faults=1, runs=20)
    assert not [f"{one['name']}: {wrong}" for one in found for wrong in one["wrong"]]
    assert sum(one["faults"] for one in found) >= 80
    assert sum(one["cuts"] for one in found) >= 50


@pytest.mark.slow
def test_every_fault_of_every_writer(library: Path, tmp_path: Path) -> None:
    found = [
        one
        for name, scenario in SCENARIOS.items()
        for one in swept(library, tmp_path, [name], faults=12, runs=0 if scenario.no_cuts else 30)
    ]
    counts = {one["name"]: (one["faults"], one["cuts"]) for one in found}
    assert not [f"{one['name']}: {wrong}" for one in found for wrong in one["wrong"]]
    assert counts.keys() == SCENARIOS.keys()
    assert sum(faults for faults, _ in counts.values()) >= 700, counts
    assert sum(cuts for _, cuts in counts.values()) >= 200, counts


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in RUNS if name != "prune"])
def test_a_fault_of_each_kind_in_whole_runs(library: Path, tmp_path: Path, name: str) -> None:
    """`benchmarks/faults.py` lets more calls fail, and those of `prune`, which writes as `train` does."""
    (found,) = swept(library, tmp_path, [name], faults=1, runs=0)
    assert found["wrong"] == []
    assert found["faults"] >= 12


@pytest.mark.parametrize(
    "arguments", [["list"], ["accelerators", "--json"], ["recipes", "digits", "--toml"], ["search", "digits", "--toml"]]
)
def test_a_full_disk_behind_stdout_is_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(cli_command(*arguments), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "error: output: No space left on device; free some space or choose another disk\n",
    )


def renames(path: Path) -> Iterator[int]:
    """Yield the lines on which a module renames files or folders; `Path.replace` takes one argument."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        of_system = isinstance(node.func.value, ast.Name) and node.func.value.id in ("os", "shutil")
        one_argument = len(node.args) == 1 and not node.keywords
        if node.func.attr in ("rename", "renames") or (
            node.func.attr in ("replace", "move") and (of_system or (node.func.attr == "replace" and one_argument))
        ):
            yield node.lineno


def test_files_and_folders_are_replaced_in_one_place_each() -> None:
    """A writer of its own would be in no sweep."""
    packages = ("base", "export", "simulator", "sqnxt_tf")
    modules = {
        path.relative_to(ROOT).as_posix(): path for package in packages for path in (ROOT / package).rglob("*.py")
    }
    assert {name for name, path in modules.items() if list(renames(path))} == MAY_RENAME.keys()
