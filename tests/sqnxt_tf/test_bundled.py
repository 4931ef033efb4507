"""The trained network that comes with the package answers at once, in every verb of a device, without TensorFlow."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from sqnxt_tf import SqnxtError, bundled_file, classify, evaluate, load_data, verify
from sqnxt_tf.bundled import BUNDLED

MOST_BYTES = 2_000_000
MODELS = ("digits.onnx", "digits.tflite")
PROGRAM = """
import sys
from click.testing import CliRunner
from sqnxt_tf.cli.main import main
result = CliRunner().invoke(main, sys.argv[1:], catch_exceptions=False)
print(result.output)
print("loaded TensorFlow:", "tensorflow" in sys.modules)
sys.exit(result.exit_code)
"""


def test_the_names_are_the_files_and_they_are_small() -> None:
    folder = files("sqnxt_tf.bundled")
    found = {entry.name for entry in folder.iterdir() if entry.is_file() and not entry.name.endswith(".py")}
    assert found == set(BUNDLED)
    assert sum(bundled_file(name).stat().st_size for name in BUNDLED) < MOST_BYTES
    with pytest.raises(SqnxtError, match=r"name one of digits\.onnx"):
        bundled_file("digits.keras")


@pytest.mark.parametrize("name", MODELS)
def test_it_reads_the_test_digits(name: str) -> None:
    assert evaluate(bundled_file(name), load_data("digits", "test")).top1 > 0.99
    answer = next(iter(classify(bundled_file(name), [bundled_file("seven.png")])))
    assert answer.top[0][0] == "7"


def test_both_files_are_the_same_network() -> None:
    compared = verify(bundled_file("digits.onnx"), bundled_file("digits.tflite"))
    assert (compared.precision, compared.parity.top1_agreement) == ("int8", 1.0)


@pytest.mark.parametrize(
    "arguments",
    [
        ("classify", "digits.tflite", "seven.png"),
        ("simulate", "digits.tflite"),
        ("compare", "digits.onnx", "digits.tflite"),
        ("inspect", "digits.onnx"),
        ("benchmark", "digits.tflite", "--seconds", "0.2"),
        ("webdemo", "digits.onnx", "-o", "site"),
    ],
)
def test_verbs_find_it_where_there_is_no_such_file(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("loaded TensorFlow: False\n")


def test_a_file_of_the_user_comes_first(tmp_path: Path) -> None:
    (tmp_path / "digits.onnx").write_bytes(b"mine")
    done = subprocess.run(
        [sys.executable, "-m", "sqnxt_tf.cli", "simulate", "digits.onnx"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: digits.onnx: is not an ONNX file")


def test_the_artifact_says_what_it_was_trained_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sqnxt_tf.cli", "inspect", "digits.tflite", "--json"]
    document = json.loads(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout)
    assert "digits" in json.dumps(document)
