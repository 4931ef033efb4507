"""A signal that C code turns into an error of its own, as the start of a library in C does, stays a signal."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from helpers.commands import cli_command

LIBRARY = """
import os, signal
try:
    os.kill(os.getpid(), signal.{})
    while True: pass
except KeyboardInterrupt:
    raise {}
"""


@pytest.mark.parametrize("error", ["ImportError('initialization failed')", "ValueError('a fault')"])
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_that_becomes_an_error(tmp_path: Path, name: str, code: int, error: str) -> None:
    (tmp_path / "onnx.py").write_text(LIBRARY.format(name, error))
    (tmp_path / "net.onnx").write_bytes(b"a graph")
    done = subprocess.run(
        cli_command("simulate", "net.onnx"), cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (code, "error: interrupted\n")
