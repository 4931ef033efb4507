"""Offspring in processes of their own: as if bred one by one, kept when finished, ended with whoever started them."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.commands import cli_command
from helpers.founders import write_founder
from helpers.supervised_commands import as_in_a_terminal, in_session
from sqnxt_export.artifact.keras_file import read_weights
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.evolution.lineage import Lineage, read_lineage
from sqnxt_tf.options.training import EvolveOptions
from sqnxt_tf.training.local_workers import run_local_workers
from sqnxt_tf.training.recipe_files import Recipe
from sqnxt_tf.workflows.evolve import evolve
from sqnxt_tf.workflows.offspring_jobs import OffspringJob, run_jobs

RECIPE = Recipe(epochs=1, batch=64, rate=0.01, warmup_rate=0.01, warmup_steps=0)
OPTIONS = EvolveOptions(sizes=(2000,), offspring=3, recipe=RECIPE, seed=2)


def members_of(lineage: Lineage) -> list[Any]:
    """Return all members without their hashes: a file holds the time at which it was written."""
    return [replace(member, sha256="") for member in lineage.members]


def assert_same(ours: Lineage, theirs: Lineage) -> None:
    assert members_of(ours) == members_of(theirs)
    for member in ours.members[1:]:
        one, other = (dict(read_weights(lineage.path(member))) for lineage in (ours, theirs))
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("recipe", [None, RECIPE])
def test_a_job_arrives_as_it_was_sent(recipe: Recipe | None) -> None:
    options = replace(OPTIONS, recipe=recipe, data=DataSource.parse(Path("digits")), accelerator=Path("a.toml"))
    place = {"generation": 2, "sibling": 1, "largest": 1200}
    job = OffspringJob(model=Path("m.keras"), folder=Path("out"), options=options, place=place, name="offspring-2-2")
    line = job.to_json()
    assert "\n" not in line
    received = OffspringJob.from_json(line)
    assert received == replace(job, options=replace(options, accelerator="a.toml", sizes=[2000]))
    assert received.options.data is not None
    assert not received.options.data.is_digits  # a folder of that name


def test_no_job_is_no_work() -> None:
    run_jobs((), 2, pytest.fail, lambda *_, **__: pytest.fail("there is nothing to report"))


_PROCESS = """
import json, os, signal, sys, time
from pathlib import Path
from sqnxt_base.opening import removed_on_death
from sqnxt_base.watching import tell_watcher

tell_watcher(int(sys.argv[1]))
job = json.loads(sys.stdin.readline())
folder, name, sibling = Path(job["folder"]), job["name"], job["place"]["sibling"]
print("left out: a.jpg: is broken", file=sys.stderr, flush=True)
print(json.dumps({"done": 3, "total": 4}), flush=True)
(folder / name).touch()
assert len([path for path in folder.iterdir() if path.suffix == ""]) <= 2
with removed_on_death(folder / f"{name}.part"):
    (folder / f"{name}.part").touch()
    time.sleep(0.3 if sibling else 0.6)
    if name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / f"{name}.part").unlink()
(folder / name).unlink()
if name == "failed":
    sys.exit(3)
if name == "refused":
    print(json.dumps({"error": ["size", "is out of reach", "give another"]}))
    sys.exit()
figures = dict.fromkeys(("filters", "parameters", "bytes", "macs", "cycles", "energy", "generation"), 1)
figures |= dict.fromkeys(("validation", "top1", "top1_low", "top1_high", "environment"), 0.5)
print(json.dumps({"member": {"name": name, "parent": "founder", "sha256": "", **figures}}))
"""
"""In place of the process that breeds: one that takes half a second, and ends as the name of its job says."""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes jobs by name, whose processes load nothing heavy."""
    (tmp_path / "half_a_second.py").write_text(_PROCESS)
    (tmp_path / "out").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("sqnxt_tf.workflows.offspring_jobs._PROCESS", "half_a_second")
    options = replace(OPTIONS, data=DataSource.parse("digits"))

    def make(*names: str) -> list[OffspringJob]:
        return [
            OffspringJob(
                model=tmp_path / "m.keras", folder=tmp_path / "out", options=options, name=name,
                place={"generation": 1, "sibling": sibling, "largest": 9},
            )
            for sibling, name in enumerate(names)
        ]  # fmt: skip

    return make


def test_so_many_at_a_time_are_kept_as_they_finish(jobs: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept: list[str] = []
    told: list[tuple[str, int, int]] = []

    def progress(task: str, done: int, total: int, **figures: float) -> None:
        told.append((task, done, total))

    run_jobs(jobs("slow", "b", "c", "d"), 2, lambda member: kept.append(member.name), progress)
    assert sorted(kept) == ["b", "c", "d", "slow"]
    assert kept[0] == "b"
    assert told[-1] == ("training 4 offspring", 12, 16)
    assert caplog.messages == ["left out: a.jpg: is broken"]  # each has said so
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("refused", "size: is out of reach; give another"),
        ("failed", "failed: its process ended with exit code 3"),
        ("killed", "its process was killed"),
    ],
)
def test_one_that_cannot_be_bred_ends_the_others_and_leaves_nothing(
    jobs: Any, tmp_path: Path, name: str, fault: str
) -> None:
    with pytest.raises(SqnxtError, match=fault):
        run_jobs(jobs("slow", name, "c"), 2, lambda member: None, lambda *_, **__: None)
    assert not list((tmp_path / "out").glob("*.part"))


@pytest.mark.parametrize(
    ("settings", "fault"),
    [({"workers": 0}, "workers: 0 is out of range"), ({"workers": 2, "strategy": "multi-worker"}, "other strategies")],
)
def test_workers_that_make_no_sense_are_refused(settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(SqnxtError, match=fault):
        EvolveOptions(**settings)


def test_a_run_of_several_machines_breeds_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    (tmp_path / "m.keras").touch()
    with pytest.raises(SqnxtError, match="leave `workers` out"):
        evolve(tmp_path / "m.keras", tmp_path / "out", OPTIONS, workers=2)


@pytest.mark.slow
def test_two_at_a_time_are_as_one_by_one_and_a_cut_evolution_continues(tmp_path: Path) -> None:
    founder = write_founder(tmp_path / "founder.keras")
    whole = evolve(founder, tmp_path / "one", OPTIONS)

    def cut(task: str, done: int, total: int, **figures: float) -> None:
        lineage = read_lineage(tmp_path / "two")
        if lineage is not None and len(lineage.members) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evolve(founder, tmp_path / "two", OPTIONS, workers=2, progress=cut)
    kept = read_lineage(tmp_path / "two")
    assert kept is not None
    assert len(kept.members) == 2
    written = kept.path(kept.members[1]).read_bytes()
    resumed = evolve(founder, tmp_path / "two", OPTIONS, workers=2)
    assert kept.path(kept.members[1]).read_bytes() == written
    assert_same(whole, resumed)


@pytest.mark.slow
def test_a_fault_of_one_job_is_told_and_the_others_end(tmp_path: Path) -> None:
    founder = write_founder(tmp_path / "founder.keras")
    with pytest.raises(SqnxtError, match="cannot be drawn, as the smallest has"):
        evolve(founder, tmp_path / "out", OPTIONS, sizes=(100,), workers=2)


@pytest.mark.slow
def test_ctrl_c_ends_all_processes_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    write_founder(tmp_path / "founder.keras")
    command = ["evolve", "founder.keras", "--sizes", 0.002, "--offspring", 2, "--workers", 2, "--epochs", 500, "-o"]
    process = subprocess.Popen(
        as_in_a_terminal(*command, "out"), cwd=tmp_path, start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    begun = [tmp_path / "out" / f"offspring-1-{number}.train" / "checkpoint.npz" for number in (1, 2)]
    try:
        deadline = time.monotonic() + 400
        while not all(path.exists() for path in begun):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "no training began"
            time.sleep(0.05)
        assert len(in_session(process.pid)) >= 4  # the command, its child, and two jobs
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, said
    assert said.strip().splitlines()[-1] == "error: interrupted"
    time.sleep(0.2)  # what is killed with its parent needs a moment
    assert not in_session(process.pid)
    assert not list((tmp_path / "out").rglob(".*"))


@pytest.mark.slow
def test_two_workers_train_each_offspring_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_founder(tmp_path / "founder.keras")
    command = ["evolve", "founder.keras", "--sizes", "0.003,0.002", "--epochs", 1, "--batch", 64, "-o", "out", "-q"]
    assert run_local_workers(cli_command(*command, "--strategy", "multi-worker"), 2) == 0
    lineage = read_lineage(tmp_path / "out")
    assert lineage is not None
    assert [member.name for member in lineage.members] == ["founder", "offspring-1", "offspring-2"]
    assert run_local_workers(cli_command(*command, "--strategy", "multi-worker"), 2) == 0  # it is there already
    assert read_lineage(tmp_path / "out") == lineage
