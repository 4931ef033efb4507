"""The steps of the composite action run as GitHub runs them, on a real graph, within and over the budget."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from onnx import helper

import sqnxt_tf
from helpers.onnx_graphs import save_graph
from helpers.repository import EXAMPLES

ACTION = yaml.safe_load((EXAMPLES / "cost-budget-action" / "action.yml").read_text("utf-8"))


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graph") / "net.onnx"
    conv = helper.make_node("Conv", ["x", "w"], ["y"], "conv")
    weights = {"w": np.ones((8, 3, 3, 3), np.float32)}
    return save_graph(path, [conv], {"x": [1, 3, 16, 16]}, {"y": [1, 8, 14, 14]}, weights)


@dataclass(frozen=True)
class Done:
    """How the steps ended, and what they wrote."""

    code: int
    said: str
    outputs: dict[str, str]
    summary: str
    installed: str


def run_action(folder: Path, **inputs: str) -> Done:
    """Run the shell steps, up to the first that fails; installing is left to a stand-in."""
    programs = folder / "programs"
    programs.mkdir()
    for name, script in (
        ("pip", f'printf "%s\\n" "$@" > {folder}/installed'),
        ("sqnxt-tf", f'exec {sys.executable} -m sqnxt_tf.cli "$@"'),
        ("python", f'exec {sys.executable} "$@"'),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    values = {name: given.get("default", "") for name, given in ACTION["inputs"].items()}
    values |= {name.replace("_", "-"): value for name, value in inputs.items()}
    files = {name: folder / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for path in files.values():
        path.touch()
    code, said = 0, ""
    for step in ACTION["runs"]["steps"]:
        if "run" in step and code == 0:
            shell = folder / "step.sh"
            shell.write_text(step["run"])
            env = {name: filled(value, values) for name, value in step["env"].items()}
            env |= {**{k: str(v) for k, v in files.items()}, "RUNNER_TEMP": str(folder)}
            env["PATH"] = f"{programs}:{os.environ['PATH']}"
            command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(shell)]
            done = subprocess.run(
                command, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=120
            )
            code, said = done.returncode, said + done.stdout + done.stderr
    outputs = dict(line.split("=") for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    summary = files["GITHUB_STEP_SUMMARY"].read_text()
    return Done(code, said, outputs, summary, (folder / "installed").read_text())


def filled(expression: str, values: dict[str, str]) -> str:
    (name,) = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", expression).groups()  # type: ignore[union-attr]
    return values[name]


def test_within_the_budget_the_build_goes_on(graph: Path, tmp_path: Path) -> None:
    report = sqnxt_tf.simulate(graph)
    done = run_action(
        tmp_path, model=str(graph), max_cycles=str(report.cycles), max_dram_bytes="1e9", max_energy="1e12"
    )
    assert (done.code, done.said) == (0, "")
    assert done.outputs == {
        "cycles": f"{report.cycles:.0f}",
        "energy": f"{report.energy.total:.0f}",
        "dram-bytes": f"{report.dram_bytes:.0f}",
    }
    assert done.summary.count("| within |") == 3
    assert "squeezelerator-16x16" in done.summary
    assert "sqnxt-tf @ git+https://github.com/sqnxt-tf/sqnxt-tf@v" in done.installed


@pytest.mark.parametrize("limit", ["max_cycles", "max_energy", "max_dram_bytes"])
def test_over_any_budget_the_build_fails_and_says_why(graph: Path, tmp_path: Path, limit: str) -> None:
    done = run_action(tmp_path, model=str(graph), accelerator="edge-npu-8bit", **{limit: "10"})
    assert done.code == 1
    assert "exceeds the budget of 10" in done.said
    assert f"| {limit} | 10 |" in done.summary
    assert "| **exceeded** |" in done.summary
    assert int(done.outputs["cycles"]) > 10


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "no budget: give max-cycles"),
        ({"max_cycles": "many"}, "--max-cycles"),
        ({"max_cycles": "1e9", "accelerator": "none"}, "accelerator 'none': is not known"),
        ({"max_cycles": "1e9; touch owned", "accelerator": "$(touch owned)"}, "--max-cycles"),
        ({"max_cycles": "1e9", "model": "--help"}, "--help"),
    ],
)
def test_what_cannot_be_judged_is_a_fault_of_its_own(
    graph: Path, tmp_path: Path, inputs: dict[str, str], words: str
) -> None:
    done = run_action(tmp_path, **{"model": str(graph), **inputs})
    assert done.code == 2
    assert words in done.said
    assert done.outputs == {}
    assert not (tmp_path / "owned").exists()


def test_the_pinned_package_is_this_version() -> None:
    assert ACTION["inputs"]["package"]["default"].endswith(f"@v{sqnxt_tf.__version__}")


def test_every_input_and_output_is_described() -> None:
    described: list[Any] = [*ACTION["inputs"].values(), *ACTION["outputs"].values()]
    assert all(item["description"] for item in described)
    used = set(re.findall(r"inputs\.([a-z-]+)", json.dumps(ACTION["runs"])))
    assert used == set(ACTION["inputs"])
