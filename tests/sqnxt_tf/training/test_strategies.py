import json

import pytest

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.strategies import is_chief, make_strategy


def test_auto_takes_one_device_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert type(make_strategy("auto")).__name__ == "OneDeviceStrategy"


def test_multi_worker_without_workers_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(SqnxtError, match="TF_CONFIG names no workers; set it as in"):
        make_strategy("multi-worker")


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_broken_tf_config_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(SqnxtError, match="TF_CONFIG: is not"):
        make_strategy("auto")


@pytest.mark.parametrize(
    ("cluster", "task", "chief"),
    [
        ({}, {}, True),
        ({"worker": ["a", "b"]}, {"type": "worker", "index": 0}, True),
        ({"worker": ["a", "b"]}, {"type": "worker", "index": 1}, False),
        ({"chief": ["a"], "worker": ["b"]}, {"type": "chief", "index": 0}, True),
        ({"chief": ["a"], "worker": ["b"]}, {"type": "worker", "index": 0}, False),
    ],
)
def test_one_process_of_a_cluster_writes_the_results(
    monkeypatch: pytest.MonkeyPatch, cluster: dict[str, list[str]], task: dict[str, object], chief: bool
) -> None:
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert is_chief() is chief
