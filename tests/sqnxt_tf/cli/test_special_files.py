"""A FIFO in the place of a file holds no verb: it is refused at once."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from sqnxt_tf.cli.main import run

SECONDS = 30  # a reader of a FIFO would wait for ever


@pytest.mark.parametrize(
    "command",
    [
        ["simulate", "fifo.onnx"],
        ["simulate", "fifo.tflite"],
        ["inspect", "fifo.onnx"],
        ["inspect", "fifo.tflite"],
        ["inspect", "fifo.keras"],
        ["evaluate", "fifo.onnx"],
        ["accelerators", "./fifo.toml"],
        ["search", "fifo.toml"],
        ["train", "--network", "squeezenet_v1_1", "--recipe", "fifo.toml", "-o", "model.keras"],
        ["compare", "fifo.onnx", "fifo.tflite"],
        ["data", "check", "shards"],
    ],
    ids=" ".join,
)
def test_a_fifo_is_refused(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shards").mkdir()
    for name in ("fifo.onnx", "fifo.tflite", "fifo.keras", "fifo.toml", "shards/train-00000-of-00001"):
        os.mkfifo(name)
    Path("shards/labels.txt").write_text("a\n")
    ended: list[object] = []

    def call() -> None:
        try:
            run(command)
        except SystemExit as end:
            ended.append(end.code)

    monkeypatch.setattr("sqnxt_tf.cli.interruption.listen", lambda: None)  # signals are for the main thread
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert ended in ([2], [1])
    printed = capfd.readouterr()
    assert "regular file" in " ".join((printed.out + printed.err).split())
