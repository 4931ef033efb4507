"""Untrusted .tflite files: bytes changed at random, and tables that describe more than the file can hold."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sqnxt_export import (
    ExportError,
    nonzero_fraction,
    to_tflite,
)
from sqnxt_export.artifact.tflite_file import read_tflite


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
        for read in (read_tflite, nonzero_fraction):
            assert "\n" not in (fault(read, path) or "")


def _tflite(subgraphs: int, tensors: int, rank: int = 2, *, own: bool = False) -> bytes:
    """Make a model whose subgraphs all refer to the same list of tensors, and whose tensors have the same shape.

    With `own`, every subgraph and tensor is a table of its own. Otherwise each list refers to one table repeatedly.
    """
    data = bytearray(b"\0\0\0\0TFL3")
    data += struct.pack("<5H2x", 10, 8, 0, 0, 4)  # vtables: the only field is in slot 2, or in slot 0
    data += struct.pack("<3H2x", 6, 8, 4)

    def point(field: int, target: int) -> None:
        struct.pack_into("<I", data, field, target - field)

    def tables(vtable: int, count: int) -> list[int]:
        """Append tables and return their positions; the offset field of each is four bytes further."""
        first = len(data)
        for index in range(count if own else 1):
            data.extend(struct.pack("<iI", first + 8 * index - vtable, 0))
        return [first + 8 * index * own for index in range(count)]

    def vector(fields: list[int], values: list[int], *, offsets: bool) -> None:
        start = len(data)
        data.extend(struct.pack(f"<I{len(values)}I", len(values), *values))
        for field in fields:
            point(field + 4, start)
        for index, value in enumerate(values if offsets else []):
            struct.pack_into("<I", data, start + 4 + 4 * index, (value - start - 4 - 4 * index) % (1 << 32))

    model = len(data)
    data += struct.pack("<iI", model - 8, 0)
    point(0, model)
    first = len(data) + 4 + 4 * subgraphs  # tables follow the vector that names them: offsets are unsigned
    vector([model], [first + 8 * index * own for index in range(subgraphs)], offsets=True)
    graphs = tables(20, subgraphs)
    first = len(data) + 4 + 4 * tensors
    vector(graphs, [first + 8 * index * own for index in range(tensors)], offsets=True)
    vector(tables(20, tensors), [1] * rank, offsets=False)
    return bytes(data)


def test_tflite_tables_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tflite"
    path.write_bytes(_tflite(2, 3, own=True))
    assert [tensor.shape for tensor in read_tflite(path)] == [(1, 1)] * 6
    for data, words in [
        (_tflite(2000, 1), "listed twice"),
        (_tflite(1, 2000), "listed twice"),
        (_tflite(2000, 2000, own=True), "its parts overlap"),
        (_tflite(1, 1, rank=9), "a tensor of shape"),
    ]:
        path.write_bytes(data)
        with pytest.raises(ExportError, match=words):
            read_tflite(path)


def test_tflite_tensors_are_bounded_together(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqnxt_export.artifact.tflite_file._MAX_TENSOR_SUM", 1000)
    with pytest.raises(ExportError, match="tensors of more than 1000 bytes"):
        read_tflite(files["tflite"])


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_scales_that_would_end_the_process_are_refused(models: Any, images: Any, tmp_path: Path, scale: float) -> None:
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(to_tflite(models["alexnet_like"], "int8", images)))
    quantised = [tensor for tensor in model.subgraphs[0].tensors if tensor.quantization and tensor.type == 9]
    quantised[-1].quantization.scale[0] = scale
    path = tmp_path / "a.tflite"
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    with pytest.raises(ExportError, match="with the scales"):
        read_tflite(path)


_RUN_ALL = """
import sys, numpy
from sqnxt_export import ExportError, open_model
for path in sys.stdin.read().split():
    print(path, flush=True)
    try:
        runner = open_model(path, threads=1)
        runner.run(numpy.zeros((1, *runner.input_shape), numpy.float32))
    except ExportError:
        pass
"""


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_mutated_tflite_files_never_crash_the_process(models: Any, images: Any, tmp_path: Path, precision: str) -> None:
    paths = _mutants(to_tflite(models["alexnet_like"], precision, images), 1500, tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", _RUN_ALL],
        input="\n".join(map(str, paths)),
        text=True,
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, f"{run.stdout.split()[-1]} ended it with {run.returncode}: {run.stderr[-500:]}"
    assert run.stderr == ""
