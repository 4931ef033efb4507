"""Two real processes train together on loopback, or die together; two logical devices train in one."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.commands import cli_command, helper_program, run_python
from helpers.keras_networks import save_dense
from sqnxt_tf.data.examples import encode
from sqnxt_tf.data.records import framed

pytestmark = pytest.mark.slow


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [bound.getsockname()[1] for bound in sockets]
    for bound in sockets:
        bound.close()
    return ports


def train_command(output: str, strategy: str) -> list[str]:
    command = cli_command("train", "--network", "tiny_darknet", "--epochs", 2, "--batch", 64)
    return [*command, "--input-size", "32", "--strategy", strategy, "-o", output, "--json"]


def prune_command(output: str, strategy: str, *options: str) -> list[str]:
    """Return the command that prunes `dense.keras`."""
    command = cli_command("prune", "dense.keras", "--epochs", 2, "--batch", 64)
    return [*command, "--rate", "0.01", "--strategy", strategy, "-o", output, "--json", *options]


def start_two_workers(folder: Path, commands: list[list[str]]) -> list[subprocess.Popen[str]]:
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = []
    for index, command in enumerate(commands):
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
    return processes


def run_two_workers(folder: Path, command: list[str]) -> list[Any]:
    """What each of two workers answered."""
    processes = start_two_workers(folder, [command, command])
    answers = [process.communicate(timeout=400) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    return [json.loads(out) for out, _ in answers]


def worker_command(**settings: Any) -> list[str]:
    recipe = {
        "epochs": 2, "batch": 16, "rate": 0.05, "warmup_rate": 0.05, "warmup_steps": 0, "synchronized_batch_norm": True,
    }  # fmt: skip
    settings = {"output": "weights.npz", **settings, "recipe": {**recipe, **settings.get("recipe", {})}}
    return helper_program("training_worker", json.dumps(settings))


def run_one(folder: Path, command: list[str]) -> Any:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_close(ours: Path, theirs: Path) -> None:
    with np.load(ours) as first, np.load(theirs) as second:
        assert first.files == second.files
        for name in first.files:
            np.testing.assert_allclose(first[name], second[name], rtol=0, atol=2e-6)


@pytest.mark.parametrize("epochs", [1, 2])
def test_two_workers_step_as_one_of_twice_the_batch_does(tmp_path: Path, epochs: int) -> None:
    """Synchronised batch norm; one epoch is a single step."""
    recipe = {"epochs": epochs, "batch": 32 // epochs}
    alone = run_one(tmp_path, worker_command(output="one.npz", recipe=recipe))
    first, second = run_two_workers(tmp_path, worker_command(output="two.npz", recipe=recipe))
    assert len(alone["read"]) == epochs**2
    for step, read in enumerate(alone["read"]):
        assert {len(first["read"][step]), len(second["read"][step])} == {len(read) // 2}
        assert sorted(first["read"][step] + second["read"][step]) == sorted(read)
    assert first["told"] == second["told"] == pytest.approx(alone["told"], rel=1e-6)
    assert_close(tmp_path / "one.npz", tmp_path / "two.npz")


def write_shards(folder: Path, sizes: list[int]) -> list[range]:
    """TFRecords of noise whose images have their own numbers for labels; which of them stand in each shard."""
    numbers, random = iter(range(sum(sizes))), np.random.default_rng(0)
    folder.mkdir()
    (folder / "labels.txt").write_text("".join(f"{number}:image {number}\n" for number in range(sum(sizes))))
    ends = np.cumsum([0, *sizes]).tolist()
    for shard, size in enumerate(sizes):
        with (folder / f"train-{shard:05d}-of-{len(sizes):05d}").open("wb") as file:
            for _ in range(size):
                image = BytesIO()
                Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).save(image, "PNG")
                record = {"image/encoded": image.getvalue(), "image/class/label": next(numbers)}
                file.write(framed(encode(record)))
    return [range(*ends[shard : shard + 2]) for shard in range(len(sizes))]


def test_shards_of_uneven_size_are_seen_once_an_epoch_in_as_many_steps_as_the_data_ask_for(tmp_path: Path) -> None:
    sizes, batch = [5, 9, 2, 21], 8
    numbers = write_shards(tmp_path / "data", sizes)
    first, second = run_two_workers(tmp_path, worker_command(data="data", recipe={"batch": batch, "rate": 1e-4}))
    steps = -(-sum(sizes) // batch)
    assert len(first["read"]) == len(second["read"]) == 2 * steps
    for epoch in range(2):
        seen = [[label for read in worker["read"][epoch * steps :][:steps] for label in read]
                for worker in (first, second)]  # fmt: skip
        assert sorted(seen[0]) == sorted(numbers[3])  # the largest shard is one worker's, the other three the other's
        assert sorted(seen[1]) == sorted([*numbers[0], *numbers[1], *numbers[2]])
    assert first["told"] == second["told"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The weights and the history of a run of two workers that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole")
    return folder / "weights.npz", run_two_workers(folder, worker_command())[0]["history"]


@pytest.mark.parametrize("dying", [0, 1])
def test_a_worker_that_dies_takes_the_other_down_and_the_same_command_goes_on(
    tmp_path: Path, whole: tuple[Path, Any], dying: int
) -> None:
    command = worker_command(folder="m.train")
    commands = [command, command]
    commands[dying] = worker_command(folder="m.train", kill=3)
    processes = start_two_workers(tmp_path, commands)
    processes[dying].communicate(timeout=400)
    _, err = processes[1 - dying].communicate(timeout=60)  # the promise
    assert [processes[index].returncode for index in (dying, 1 - dying)] == [-signal.SIGKILL, 1]
    assert err.splitlines()[-1] == (
        f"error: worker {1 - dying} of 2: another worker is gone (UnavailableError); start all workers again: the "
        "run resumes from the last checkpoint in m.train"
    )
    resumed, _ = run_two_workers(tmp_path, command)
    assert len(resumed["read"]) == 2  # of four steps
    weights, history = whole
    assert [row["loss"] for row in resumed["history"]] == pytest.approx([row["loss"] for row in history])
    assert_close(tmp_path / "weights.npz", weights)


def test_local_workers_end_together_and_the_same_command_goes_on(tmp_path: Path, cli: Any) -> None:
    arguments = [*train_command("model.keras", "auto")[3:], "--local-workers", "2"]
    process = subprocess.Popen(
        cli_command(*arguments), cwd=tmp_path, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    history = tmp_path / "model.train" / "history.csv"
    while not (history.exists() and len(history.read_text().splitlines()) > 1):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[1]), signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    errors = [line for line in err.splitlines() if line.startswith("error")]
    assert errors == [
        "error: worker 1 of 2: was killed by SIGKILL; the others were stopped; start the run again, and it resumes "
        "from the last checkpoint"
    ]
    answer = cli(*arguments, timeout=400)
    assert [row["epoch"] for row in answer.json()["history"]] == [1, 2]


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
    save_dense(tmp_path / "dense.keras")
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
strategies.make_strategy = lambda name, **waiting: tf.distribute.MirroredStrategy(["cpu:0", "cpu:1"])
assert strategies.make_strategy("").num_replicas_in_sync == 2
sys.argv = {command[2:]!r}
from sqnxt_tf.cli.main import run
run()
"""
    done = run_python(program, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_two_logical_devices_mirror_each_other(tmp_path: Path) -> None:
    history = run_on_two_devices(tmp_path, train_command("model.keras", "mirrored"))["history"]
    assert history[-1]["loss"] < history[0]["loss"]


@pytest.mark.parametrize("options", [("--schedule", "polynomial", "--sparsity", "0.5"), ("--pattern", "2:4")])
def test_two_logical_devices_prune_together(tmp_path: Path, options: tuple[str, ...]) -> None:
    save_dense(tmp_path / "dense.keras")
    result = run_on_two_devices(tmp_path, prune_command("pruned.keras", "mirrored", *options))
    assert [layer["sparsity"] for layer in result["layers"]][1:] == [0.5, 0.5]
    assert result["history"][-1]["loss"] < result["history"][0]["loss"]
