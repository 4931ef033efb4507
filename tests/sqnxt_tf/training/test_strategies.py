from __future__ import annotations

import json

import pytest

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.strategies import check_cluster, is_chief, make_strategy


def test_auto_takes_one_device_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert type(make_strategy("auto")).__name__ == "OneDeviceStrategy"


def test_multi_worker_without_workers_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(SqnxtError, match=r"TF_CONFIG names no workers; set it as in"):
        make_strategy("multi-worker")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1]",
        '{"task": 5}',
        '{"task": {"index": "0"}}',
        '{"cluster": {"worker": 5}}',
        '{"cluster": {"worker": ["nohost"]}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 7}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}',
    ],
)
def test_a_broken_tf_config_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(SqnxtError, match=r"TF_CONFIG: (is not|its)"):
        make_strategy("auto")


@pytest.mark.parametrize(
    ("cluster", "task", "chief"),
    [
        ({}, {}, True),
        ({"worker": ["a:1", "b:2"]}, {"type": "worker", "index": 0}, True),
        ({"worker": ["a:1", "b:2"]}, {"type": "worker", "index": 1}, False),
        ({"chief": ["a:1"], "worker": ["b:2"]}, {"type": "chief", "index": 0}, True),
        ({"chief": ["a:1"], "worker": ["b:2"]}, {"type": "worker", "index": 0}, False),
    ],
)
def test_one_process_of_a_cluster_writes_the_results(
    monkeypatch: pytest.MonkeyPatch, cluster: dict[str, list[str]], task: dict[str, object], chief: bool
) -> None:
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert is_chief() is chief


def test_a_chief_is_a_worker_too(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"cluster": {"chief": ["a:1"], "worker": ["b:2"], "ps": ["c:3"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert check_cluster() == 2


def test_a_process_has_one_strategy_of_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert make_strategy("one-device") is make_strategy("auto")
