"""The protocol of the timing process, and the errors after its end."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from helpers.commands import cli_command
from sqnxt_tf.device import timing_client
from sqnxt_tf.device.timing_client import TimingClient
from sqnxt_tf.device.timing_server import TimingServer, serve
from sqnxt_tf.errors import SqnxtError


def ask(*requests: dict[str, Any]) -> list[Any]:
    answers = io.StringIO()
    serve(io.StringIO("".join(json.dumps(request) + "\n" for request in requests)), answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_every_request_has_one_answer(quadrants: Callable[..., Path]) -> None:
    opening = {"do": "open", "path": str(quadrants()), "threads": 1, "options": {}}
    opened, warm, turn, profile, memory = ask(
        opening, {"do": "warm_up"}, {"do": "turn", "runs": 3}, {"do": "profile", "runs": 4}, {"do": "memory"}
    )
    assert (opened["runtime"], opened["provider"], opened["batch"]) == ("onnxruntime", "CPUExecutionProvider", 1)
    assert opened["load_ms"] > 0
    assert warm["runs"] >= 5
    assert len(turn["milliseconds"]) == 3
    assert [node["op"] for node in profile["nodes"]] == ["AveragePool", "Flatten"]
    assert all(len(node["milliseconds"]) == 4 for node in profile["nodes"])
    assert memory["peak_rss_bytes"] >= opened["rss_before_load_bytes"] > 0


def test_no_thread_of_it_works_on_when_its_turn_is_over(tmp_path: Path) -> None:
    """Check that threads are idle: onnxruntime's spin for tens of milliseconds, into the next file's turn."""
    weights = numpy_helper.from_array(np.ones((32, 8, 3, 3), np.float32), "weights")
    image, answer = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("image", [1, 8, 96, 96]), ("answer", [1, 32, 94, 94]))
    )
    graph = helper.make_graph([helper.make_node("Conv", ["image", "weights"], ["answer"])], "g", [image], [answer])
    graph.initializer.append(weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), tmp_path / "c.onnx")
    worker = TimingServer()
    worker.open(str(tmp_path / "c.onnx"), threads=2, options={})
    for ask_it in (worker.warm_up, lambda: worker.turn(20)):
        ask_it()
        before = time.process_time()
        time.sleep(0.1)
        assert time.process_time() - before < 0.01


def test_a_file_that_cannot_be_opened_is_an_answer_too(tmp_path: Path) -> None:
    request = {"do": "open", "path": str(tmp_path / "no.onnx"), "threads": 1, "options": {}}
    assert ask(request) == [{"error": [str(tmp_path / "no.onnx"), "no such file", "check the path"]}]


@pytest.mark.parametrize(("number", "told"), [(signal.SIGKILL, "memory runs out"), (signal.SIGSEGV, "died of SIGSEGV")])
def test_a_process_that_is_no_more_is_told(quadrants: Callable[..., Path], number: int, told: str) -> None:
    with TimingClient(quadrants(), 1) as client:
        client.ask("memory")
        os.kill(client._process.pid, number)
        with pytest.raises(SqnxtError, match=told):
            client.ask("memory")


def test_the_child_imports_from_where_its_parent_does_and_not_from_where_it_stands(
    quadrants: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('taken from the folder that it stands in')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    assert "" not in timing_client._environment()["PYTHONPATH"].split(os.pathsep)
    with TimingClient(quadrants(), 1) as client:
        assert client.ask("memory")["peak_rss_bytes"]


@pytest.mark.parametrize("verb", [["benchmark", "--seconds", "0.2"], ["evaluate"]])
def test_onnxruntime_tells_nobody(quadrants: Callable[..., Path], tmp_path: Path, verb: list[str]) -> None:
    """Check that telemetry is off: by default every session is reported, with an identifier in the home folder."""
    home = tmp_path / "home"
    home.mkdir()
    env = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    env |= dict.fromkeys(("HOME", "XDG_CACHE_HOME", "TMPDIR"), str(home))
    command = cli_command(*verb, quadrants())
    subprocess.run(command, env=env, capture_output=True, check=False)
    assert not list(home.rglob("*"))
