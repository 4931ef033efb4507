"""Two real processes train together on loopback; two logical devices train in one."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [bound.getsockname()[1] for bound in sockets]
    for bound in sockets:
        bound.close()
    return ports


def train_command(output: str, strategy: str) -> list[str]:
    command = [
        sys.executable,
        "-m",
        "sqnxt_tf.cli",
        "train",
        "--network",
        "tiny_darknet",
        "--epochs",
        "2",
        "--batch",
        "64",
    ]
    return [*command, "--input-size", "32", "--strategy", strategy, "-o", output, "--json"]


def test_two_workers_report_the_same_losses_and_the_chief_writes_the_model(tmp_path: Path, cli: Any) -> None:
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = []
    for index in range(2):
        config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        processes.append(
            subprocess.Popen(
                train_command("model.keras", "multi-worker"),
                cwd=tmp_path,
                env={**os.environ, "TF_CONFIG": json.dumps(config)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    answers = [process.communicate(timeout=400) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    first, second = (json.loads(out) for out, _ in answers)
    assert first["epochs"] == second["epochs"] == 2
    for ours, theirs in zip(first["history"], second["history"], strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-6)
        assert ours["val_loss"] == pytest.approx(theirs["val_loss"], rel=1e-6)
    assert first["test"] == second["test"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.keras", "model.train"]
    assert cli("evaluate", "model.keras", "--json").json()["top1"] == first["test"]["top1"]


def test_two_logical_devices_mirror_each_other(tmp_path: Path) -> None:
    program = f"""
import sys, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import sqnxt_tf.training.strategies as strategies
strategies.make_strategy = lambda name: tf.distribute.MirroredStrategy(["cpu:0", "cpu:1"])
assert strategies.make_strategy("").num_replicas_in_sync == 2
sys.argv = {train_command("model.keras", "mirrored")[2:]!r}
from sqnxt_tf.cli.main import run
run()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    history = json.loads(done.stdout)["history"]
    assert history[-1]["loss"] < history[0]["loss"]
