"""Processes that stand for workers: how they are started, watched and ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sqnxt_tf.cli.output import libraries_silenced
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.local_workers import run_local_workers

PREAMBLE = "import json, os, signal, sys, time; me = json.loads(os.environ['TF_CONFIG'])['task']['index']\n"


def worker(program: str) -> list[str]:
    return [sys.executable, "-c", PREAMBLE + program]


def test_each_worker_knows_the_cluster_and_itself(tmp_path: Path) -> None:
    program = f"open(r'{tmp_path}/' + str(me), 'w').write(os.environ['TF_CONFIG'])"
    assert run_local_workers(worker(program), 3) == 0
    configs = [(tmp_path / str(index)).read_text() for index in range(3)]
    assert len({config.partition('"task"')[0] for config in configs}) == 1
    assert all("127.0.0.1:" in config for config in configs)


def test_only_the_chief_is_heard(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_local_workers(worker("print('I am', me); print('hm', me, file=sys.stderr)"), 2) == 0
    assert capfd.readouterr() == ("I am 0\n", "hm 0\n")


def test_the_chief_is_heard_while_libraries_are_silenced(capfd: pytest.CaptureFixture[str]) -> None:
    with libraries_silenced():
        assert run_local_workers(worker("print('error: no data', me, file=sys.stderr)"), 2) == 0
    assert capfd.readouterr().err == "error: no data 0\n"


def test_an_image_that_another_worker_left_out_is_named(caplog: pytest.LogCaptureFixture) -> None:
    program = "print('left out: photo', me, file=sys.stderr, flush=True); print('other', file=sys.stderr)"
    assert run_local_workers(worker(program), 3) == 0
    assert sorted(caplog.messages) == ["left out: photo 1", "left out: photo 2"]


@pytest.mark.parametrize("dying", [0, 1])
def test_a_worker_that_is_killed_ends_the_others(dying: int, tmp_path: Path) -> None:
    program = f"""
open(r'{tmp_path}/' + str(me), 'w').write(str(os.getpid()))
if me == {dying}:
    while len(os.listdir(r'{tmp_path}')) < 2: time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(600)
"""
    with pytest.raises(SqnxtError, match=rf"worker {dying} of 2: was killed by SIGKILL; the others were stopped"):
        run_local_workers(worker(program), 2)
    for index in range(2):
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / str(index)).read_text()), 0)


def test_a_fault_of_all_is_told_by_the_chief_alone(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_local_workers(worker("sys.exit(print('error: no data', file=sys.stderr) or 2)"), 2) == 2
    assert capfd.readouterr().err == "error: no data\n"


def test_a_fault_of_one_is_told_in_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqnxt_tf.training.local_workers.PATIENCE_SECONDS", 0.1)
    program = "\nif me == 1: sys.exit('error: m.train: cannot be read')\ntime.sleep(600)"
    with pytest.raises(SqnxtError, match=r"worker 1 of 2: failed \(m.train: cannot be read\); the others were stopped"):
        run_local_workers(worker(program), 2)


def test_workers_end_when_the_process_that_started_them_is_killed(tmp_path: Path) -> None:
    program = f"""
from sqnxt_tf.training.local_workers import end_with_parent
end_with_parent()
open(r'{tmp_path}/' + str(me), 'w').write(str(os.getpid()))
time.sleep(600)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", f"""
import sys
from sqnxt_tf.training.local_workers import run_local_workers
run_local_workers([sys.executable, "-c", {PREAMBLE + program!r}], 2)
"""]
    )  # fmt: skip
    files = [tmp_path / str(index) for index in range(2)]
    while not all(file.exists() and file.read_text() for file in files):
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    for file in files:
        while is_alive(int(file.read_text())):  # a worker that lived on would live for minutes
            time.sleep(0.01)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
