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


def prune_command(output: str, strategy: str, *options: str) -> list[str]:
    """A command that prunes the `dense.keras` of `save_dense`."""
    command = [sys.executable, "-m", "sqnxt_tf.cli", "prune", "dense.keras", "--epochs", "2", "--batch", "64"]
    return [*command, "--rate", "0.01", "--strategy", strategy, "-o", output, "--json", *options]


def save_dense(folder: Path) -> None:
    """A small untrained model for the digits."""
    import tf_keras as keras

    from sqnxt_export import Metadata, Preprocessing, save_keras

    keras.utils.set_random_seed(1)
    layers = keras.layers
    image = layers.Input((8, 8, 3))
    x = layers.BatchNormalization(momentum=0.9)(layers.Conv2D(16, 3, padding="same", name="stem")(image))
    x = layers.Conv2D(16, 3, groups=2, name="grouped")(layers.ReLU()(x))
    x = layers.Dense(10, name="classifier")(layers.GlobalAveragePooling2D()(x))
    metadata = Metadata(labels=tuple("0123456789"), preprocessing=Preprocessing.plain(8, 8))
    save_keras(keras.Model(image, x), folder / "dense.keras", metadata)


def run_two_workers(folder: Path, command: list[str]) -> list[Any]:
    """What each of two workers answered."""
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = []
    for index in range(2):
        config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        processes.append(
            subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, "TF_CONFIG": json.dumps(config)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    answers = [process.communicate(timeout=400) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    return [json.loads(out) for out, _ in answers]


def test_two_workers_report_the_same_losses_and_the_chief_writes_the_model(tmp_path: Path, cli: Any) -> None:
    first, second = run_two_workers(tmp_path, train_command("model.keras", "multi-worker"))
    assert first["epochs"] == second["epochs"] == 2
    for ours, theirs in zip(first["history"], second["history"], strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-6)
        assert ours["val_loss"] == pytest.approx(theirs["val_loss"], rel=1e-6)
    assert first["test"] == second["test"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.keras", "model.train"]
    assert cli("evaluate", "model.keras", "--json").json()["top1"] == first["test"]["top1"]


@pytest.mark.parametrize("options", [("--schedule", "polynomial", "--sparsity", "0.5"), ("--pattern", "2:4")])
def test_two_workers_prune_the_same_weights(tmp_path: Path, cli: Any, options: tuple[str, ...]) -> None:
    save_dense(tmp_path)
    first, second = run_two_workers(tmp_path, prune_command("pruned.keras", "multi-worker", *options))
    assert first["layers"] == second["layers"]
    assert first["test"] == second["test"]
    sparsities = {layer["name"]: layer["sparsity"] for layer in first["layers"]}
    assert (sparsities["grouped"], sparsities["classifier"]) == (0.5, 0.5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dense.keras", "pruned.keras", "pruned.train"]
    assert cli("evaluate", "pruned.keras", "--json").json()["top1"] == first["test"]["top1"]


def run_on_two_devices(folder: Path, command: list[str]) -> Any:
    """What the command answers with two logical CPUs mirroring each other."""
    program = f"""
import sys, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import sqnxt_tf.training.strategies as strategies
strategies.make_strategy = lambda name: tf.distribute.MirroredStrategy(["cpu:0", "cpu:1"])
assert strategies.make_strategy("").num_replicas_in_sync == 2
sys.argv = {command[2:]!r}
from sqnxt_tf.cli.main import run
run()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_two_logical_devices_mirror_each_other(tmp_path: Path) -> None:
    history = run_on_two_devices(tmp_path, train_command("model.keras", "mirrored"))["history"]
    assert history[-1]["loss"] < history[0]["loss"]


@pytest.mark.parametrize("options", [("--schedule", "polynomial", "--sparsity", "0.5"), ("--pattern", "2:4")])
def test_two_logical_devices_prune_together(tmp_path: Path, options: tuple[str, ...]) -> None:
    save_dense(tmp_path)
    result = run_on_two_devices(tmp_path, prune_command("pruned.keras", "mirrored", *options))
    assert [layer["sparsity"] for layer in result["layers"]][1:] == [0.5, 0.5]
    assert result["history"][-1]["loss"] < result["history"][0]["loss"]
