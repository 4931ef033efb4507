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


@pytest.mark.slow
def test_images_on_disk_are_checked_packed_and_trained_on(tmp_path: Path) -> None:
    command = [sys.executable, EXAMPLES / "images_from_disk.py", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 CMYK, 1 truncated, 1 two classes, 2 unreadable, 1 wrong extension" in done.stdout
    assert "packed: 268 train, 45 validation, 44 test images in 12 shards" in done.stdout
    assert "photos/test/sky/000.jpg: cannot be read as an image" in done.stderr
    assert "model.keras: top-1 " in done.stdout
