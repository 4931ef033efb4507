"""The examples for 32 workers do what they say, with stand-ins for Slurm, Kubernetes and `sqnxt-tf` itself."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import click
import yaml

from helpers.repository import EXAMPLES
from sqnxt_tf.cli.train import command as train_command


def stand_in(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/usr/bin/env bash\n{script}\n")
    (folder / name).chmod(0o755)


def run(script: list[str], programs: Path, **environment: object) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", **{k: str(v) for k, v in environment.items()}}
    return subprocess.run(script, env=env, capture_output=True, text=True, check=False, timeout=60)


def understood(arguments: list[str]) -> dict[str, Any]:
    """What the real command makes of them; it is not run."""
    assert arguments[0] == "train"
    with train_command.make_context("train", arguments[1:]) as context:
        assert isinstance(context, click.Context)
        return context.params


def test_slurms_goes_on_after_a_worker_died_and_gives_up_where_nothing_began(tmp_path: Path) -> None:
    programs, output = tmp_path / "programs", tmp_path / "runs" / "m.keras"
    stand_in(programs, "sleep", "true")
    stand_in(programs, "srun", 'test "$1" = --kill-on-bad-exit=1 && shift && exec "$@"')
    stand_in(programs, "sqnxt-tf", f'printf "%s\\n" "$@" >> {tmp_path}/calls; echo end >> {tmp_path}/calls; exit 7')
    script = ["bash", str(EXAMPLES / "slurm_32_workers.sh")]
    settings = {"OUTPUT": output, "DATA": "/shared/records", "ATTEMPTS": 3}
    assert run(script, programs, **settings).returncode == 7
    calls = (tmp_path / "calls").read_text().split("end\n")[:-1]
    assert len(calls) == 1
    read = understood(calls[0].split())
    assert (read["strategy"], read["data"], read["output"]) == ("multi-worker", "/shared/records", output)

    state = output.with_suffix(".train")
    state.mkdir(parents=True)
    (state / "checkpoint.npz").touch()
    assert run(script, programs, **settings).returncode == 1
    assert (tmp_path / "calls").read_text().count("end\n") == 1 + 3


def test_kubernetes_gives_every_pod_its_place_among_32(tmp_path: Path) -> None:
    service, job = yaml.safe_load_all((EXAMPLES / "kubernetes_32_workers.yaml").read_text())
    pod = job["spec"]["template"]["spec"]
    assert service["metadata"]["name"] == pod["subdomain"]
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    (container,) = pod["containers"]
    workers = int(container["env"][0]["value"])
    assert workers == job["spec"]["completions"] == job["spec"]["parallelism"] == 32
    stand_in(tmp_path / "programs", "sqnxt-tf", f'echo "$TF_CONFIG" > {tmp_path}/config; printf "%s\\n" "$@"')
    shell = [*container["command"], *container["args"]]
    done = run(shell, tmp_path / "programs", WORKERS=workers, JOB_COMPLETION_INDEX=31)
    assert done.returncode == 0, done.stderr
    assert understood(done.stdout.split())["strategy"] == "multi-worker"
    config = json.loads((tmp_path / "config").read_text())
    assert config["task"] == {"type": "worker", "index": 31}
    port = container["ports"][0]["containerPort"]
    assert config["cluster"]["worker"] == [f"sqnxt-{index}.sqnxt:{port}" for index in range(32)]
