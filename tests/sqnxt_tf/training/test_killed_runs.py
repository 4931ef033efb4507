"""`kill -9` at random moments: whatever a run was doing, the next attempt goes on and ends with the same weights."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.commands import cli_command, helper_program
from helpers.training import load_weights
from sqnxt_tf.workflows.data_pack import pack

pytestmark = pytest.mark.slow

KILLS_OF_TWO = 3


@pytest.mark.parametrize(("data", "kills"), [("memory", 12), ("photos", 6), ("records", 6)])
def test_runs_that_are_killed_at_random_moments_end_with_the_same_weights(
    tmp_path: Path, data: str, kills: int
) -> None:
    command = helper_program("killed_runs", tmp_path, data, kills)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["kills"] == kills
    assert len(report["saved"]) > kills / 4, report  # at many different steps, not at one
    assert report["digests"]
    assert set(report["digests"]) == {report["whole"]}


def command_of(data: Path, output: str) -> list[str]:
    """Two workers on packed images, saved at every step."""
    return cli_command(
        "train", "--network", "tiny_darknet", "--input-size", "32", "--data",
        data, "--recipe", "digits", "--augmentation", "standard", "--epochs", "4", "--batch", "8",
        "--local-workers", "2", "--checkpoint-steps", "1", "-o", output, "--json",
    )  # fmt: skip


def kill_all_after(seconds: float, command: list[str], folder: Path) -> None:
    """Kill all processes of a command at once, that long after it has saved something."""
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    checkpoint = folder / "killed.train" / "checkpoint.npz"
    saved = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
    while not (checkpoint.exists() and checkpoint.stat().st_mtime_ns > saved):
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    time.sleep(seconds)
    assert process.poll() is None, process.communicate()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_two_workers_that_are_killed_together_end_with_the_weights_of_two_that_were_not(
    tmp_path: Path, make_images: Any
) -> None:
    for split, count in (("train", 20), ("validation", 2), ("test", 2)):
        make_images(tmp_path / "photos" / split, count)
    data, moments = pack(tmp_path / "photos", tmp_path / "packed", shards=2).path, random.Random(7)
    for _ in range(KILLS_OF_TWO):
        kill_all_after(moments.uniform(0, 0.25), command_of(data, "killed.keras"), tmp_path)
    histories = []
    for output in ("killed.keras", "whole.keras"):
        done = subprocess.run(command_of(data, output), cwd=tmp_path, capture_output=True, check=True, timeout=300)
        histories.append([row["loss"] for row in json.loads(done.stdout)["history"]])
    assert histories[0] == pytest.approx(histories[1], rel=1e-5)
    for ours, theirs in zip(
        load_weights(tmp_path / "killed.keras"), load_weights(tmp_path / "whole.keras"), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
