"""Untrusted .tflite files before LiteRT sees them: bytes changed at random, and scales that would end its process."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from helpers.limited_process import read_in_limits
from sqnxt_export import (
    ExportError,
    nonzero_fraction,
    to_tflite,
)
from sqnxt_export.artifact.tflite_file import check_tflite


def _mutants(data: bytes, count: int, folder: Path) -> list[Path]:
    source = random.Random(0)
    paths = []
    for number in range(count):
        mutant = bytearray(data[: source.randrange(len(data))] if number % 4 == 0 else data)
        for _ in range(source.choice([1, 2, 8, 32])):
            if mutant:
                position = source.randrange(len(mutant) if source.random() < 0.5 else min(len(mutant), 3000))
                mutant[position] = source.choice([0, 1, 127, 128, 255, source.randrange(256)])
        paths.append(folder / f"{number}.tflite")
        paths[-1].write_bytes(mutant)
    return paths


def test_mutated_tflite_files_never_break_the_reader(files: dict[str, Path], fault: Any, tmp_path: Path) -> None:
    for path in _mutants(files["tflite"].read_bytes(), 300, tmp_path):
        for read in (check_tflite, nonzero_fraction):
            assert "\n" not in (fault(read, path) or "")


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_scales_that_would_end_the_process_are_refused(models: Any, images: Any, tmp_path: Path, scale: float) -> None:
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(to_tflite(models["alexnet_like"], "int8", images)))
    quantised = [tensor for tensor in model.subgraphs[0].tensors if tensor.quantization and tensor.type == 9]
    quantised[-1].quantization.scale[0] = scale
    path = tmp_path / "a.tflite"
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    with pytest.raises(ExportError, match="with the scales"):
        check_tflite(path)


_RUN = """
import numpy
from sqnxt_export import ExportError as REFUSED, open_model
def run(path):
    runner = open_model(path, threads=1)
    runner.run(numpy.zeros((1, *runner.input_shape), numpy.float32))
READERS = (run,)
"""


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_mutated_tflite_files_never_crash_the_process(models: Any, images: Any, tmp_path: Path, precision: str) -> None:
    paths = _mutants(to_tflite(models["alexnet_like"], precision, images), 1500, tmp_path)
    read_in_limits(_RUN, paths, 3 << 30)
