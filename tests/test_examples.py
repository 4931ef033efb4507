"""The examples run as they stand."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
def test_the_python_example_goes_the_whole_way(tmp_path: Path) -> None:
    command = [sys.executable, EXAMPLES / "python_api.py", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "squeezelerator-8x8: " in done.stdout
    assert (tmp_path / "out" / "model.onnx").exists()
