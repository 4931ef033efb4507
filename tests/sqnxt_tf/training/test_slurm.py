from __future__ import annotations

import json
from pathlib import Path

import pytest

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.slurm import expand_counts, expand_nodes, slurm_cluster
from sqnxt_tf.training.strategies import check_cluster, is_chief


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("login", ["login"]),
        ("gpu[01-03,7],login", ["gpu01", "gpu02", "gpu03", "gpu7", "login"]),
        ("r[1-2]n[08-09].x", ["r1n08.x", "r1n09.x", "r2n08.x", "r2n09.x"]),
        ("a1,a2", ["a1", "a2"]),
    ],
)
def test_node_lists_are_expanded(text: str, nodes: list[str]) -> None:
    assert expand_nodes(text) == nodes


def test_task_counts_are_expanded() -> None:
    assert expand_counts("2(x3),1") == [2, 2, 2, 1]


def variables(**changes: str) -> dict[str, str]:
    given = {"SLURM_PROCID": "2", "SLURM_STEP_NODELIST": "n[1-2]", "SLURM_STEP_TASKS_PER_NODE": "2(x2)"}
    return {**given, **changes}


def test_a_step_of_several_tasks_is_a_cluster() -> None:
    assert slurm_cluster(variables()) == {
        "cluster": {"worker": ["n1:8888", "n1:8889", "n2:8888", "n2:8889"]},
        "task": {"type": "worker", "index": 2},
    }
    assert slurm_cluster(variables(SQNXT_TF_PORT="2222"))["cluster"] == {  # type: ignore[index]
        "worker": ["n1:2222", "n1:2223", "n2:2222", "n2:2223"]
    }


def test_outside_of_a_step_or_alone_in_one_there_is_none() -> None:
    assert slurm_cluster({}) is None
    assert slurm_cluster(variables(SLURM_STEP_NODELIST="n1", SLURM_STEP_TASKS_PER_NODE="1")) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"SLURM_PROCID": "x"},
        {"SLURM_STEP_TASKS_PER_NODE": "2(x3)"},
        {"SLURM_STEP_TASKS_PER_NODE": "two"},
        {"SLURM_STEP_NODELIST": "n[a-b]"},
        {"SLURM_STEP_NODELIST": "n[1-999999]m[1-999999]"},
        {"SLURM_STEP_TASKS_PER_NODE": "99999(x99999)"},
    ],
)
def test_variables_that_make_no_sense_are_refused(changes: dict[str, str]) -> None:
    with pytest.raises(SqnxtError, match=r"^Slurm: .*set TF_CONFIG instead$"):
        slurm_cluster(variables(**changes))


def test_multi_worker_takes_the_place_of_tf_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TF_CONFIG", "")  # so that it is restored
    monkeypatch.delenv("TF_CONFIG")
    for name, value in variables().items():
        monkeypatch.setenv(name, value)
    assert check_cluster("auto") == 0
    assert check_cluster("multi-worker") == 4
    assert not is_chief()
    own = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(own))
    assert check_cluster("multi-worker") == 2
