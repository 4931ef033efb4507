"""The examples run as they stand."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.repository import EXAMPLES
from sqnxt_tf import classify, export, load_data


def test_the_device_example_is_short_and_needs_little() -> None:
    """tests/test_wheel.py runs it where there is nothing else."""
    source = (EXAMPLES / "tflite_demo.py").read_text()
    assert len(source.splitlines()) < 40
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(source))
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [])
        + ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])
    }
    assert imported - set(sys.stdlib_module_names) == {"numpy", "ai_edge_litert", "PIL"}


def test_the_device_example_sees_what_classify_sees(tmp_path: Path) -> None:
    images = []
    for index, pixels in enumerate(load_data("digits", "test").batch(0, 4)):
        images.append(tmp_path / f"{index}.png")
        Image.fromarray(pixels).resize((90, 60)).rotate(5).save(images[-1])
    images.append(tmp_path / "deep.png")  # 16 bits of grey, of which pillow's own conversion keeps the darkest
    Image.fromarray(np.arange(0, 40 * 40 * 40, 40, np.uint16).reshape(40, 40)).save(images[-1])
    for options in ({}, {"embed_preprocessing": True}):
        path = tmp_path / f"net{len(options)}.tflite"
        export("squeezenet_v1_1", path, format="tflite", classes=10, input_size=32, seed=1, samples=4, **options)
        command = [sys.executable, EXAMPLES / "tflite_demo.py", path, *images]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = [line.split() for line in told.splitlines() if line.startswith("  ")]
        answers = [one for answer in classify(path, images) for one in answer.top]
        assert [line[0] for line in found] == [label for label, _ in answers]
        for line, (_, probability) in zip(found, answers, strict=True):
            assert float(line[-2]) == pytest.approx(100 * probability, abs=0.2)


@pytest.mark.slow
def test_the_pictures_of_the_docs_are_drawn(tmp_path: Path) -> None:
    command = [sys.executable, EXAMPLES.parent / "docs" / "pictures.py", tmp_path, "1"]
    subprocess.run(command, capture_output=True, check=True)
    for name, words in (("layers", "squeezelerator-16x16"), ("terminal", "rank&#160;correlation")):
        picture = (tmp_path / f"benchmark-{name}.svg").read_text()
        assert "<svg" in picture
        assert words in picture
        assert "…" not in picture  # a header that is cut
        assert "@font-face" not in picture  # no page asks another host for letters


def run_example(name: str, output: Path) -> subprocess.CompletedProcess[str]:
    """Run an example that takes the folder for its output."""
    command = [sys.executable, EXAMPLES / f"{name}.py", output]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
def test_the_python_example_goes_the_whole_way(tmp_path: Path) -> None:
    done = run_example("python_api", tmp_path / "out")
    assert "squeezelerator-8x8: " in done.stdout
    assert (tmp_path / "out" / "model.onnx").exists()


@pytest.mark.slow
def test_images_on_disk_are_checked_packed_and_trained_on(tmp_path: Path) -> None:
    done = run_example("images_from_disk", tmp_path / "out")
    assert "1 CMYK, 1 truncated, 1 two classes, 2 unreadable, 1 wrong extension" in done.stdout
    assert "packed: 268 train, 45 validation, 44 test images in 12 shards" in done.stdout
    assert "photos/test/sky/000.jpg: cannot be read as an image" in done.stderr
    assert "model.keras: top-1 " in done.stdout
