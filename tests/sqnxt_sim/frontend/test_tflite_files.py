"""Untrusted .tflite files: bytes changed at random, parts that are shared, and more described than a file can hold."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.tflite_graphs import TfliteMaker, weights
from sqnxt_sim import SimulatorError, read_model, read_tflite, read_weights
from sqnxt_sim.frontend.tflite_file import read_tflite_file
from sqnxt_sim.frontend.tflite_values import constant_values


def network() -> TfliteMaker:
    """A file with every kind of part: a convolution, a sparse matrix, 4-bit weights, and other operators."""
    make = TfliteMaker()
    image = make.tensor("image", [1, 8, 8, 4], is_input=True)
    kernel = make.tensor("net/a/Conv2D", [6, 3, 3, 4], values=weights([6, 3, 3, 4]))
    a = make.tensor("net/a_relu/Relu;net/a/Conv2D1", [1, 8, 8, 6])
    make.node("CONV_2D", [image, kernel], [a], options="Conv2DOptions", padding=0, strideH=1, strideW=1)
    make.tensor("sparse", [4, 6], values=[1.0, 2.0, 3.0])
    make.sparsity("sparse", [0, 1], [], [4, ([0, 1, 2, 2, 3], [0, 5, 3])])
    dense = make.tensor("dense", [4, 6])
    make.node("DENSIFY", ["sparse"], [dense])
    b = make.tensor("b", [64, 4])
    make.node("FULLY_CONNECTED", [a, dense], [b], options="FullyConnectedOptions")
    make.tensor("net/c/MatMul", [3, 4], "int4", values=bytearray(6), zero_points=[0])
    c = make.tensor("c", [64, 3])
    make.node("FULLY_CONNECTED", [b, "net/c/MatMul"], [c], options="FullyConnectedOptions")
    make.node("SOFTMAX", [c], [make.tensor("probabilities", [64, 3])], options="SoftmaxOptions", beta=1.0)
    return make


def mutants(data: bytes, count: int, folder: Path) -> list[Path]:
    source = random.Random(0)
    paths = []
    for number in range(count):
        mutant = bytearray(data[: source.randrange(len(data))] if number % 4 == 0 else data)
        for _ in range(source.choice([1, 2, 8, 32])):
            if mutant:
                mutant[source.randrange(len(mutant))] = source.choice([0, 1, 127, 128, 255, source.randrange(256)])
        paths.append(folder / f"{number}.tflite")
        paths[-1].write_bytes(mutant)
    return paths


def fault_of(read: Callable[[Path], Any], path: Path) -> str:
    """Read a file and return the words of its fault; empty if it was read."""
    try:
        read(path)
    except SimulatorError as error:
        return str(error)
    return ""


def test_mutated_files_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    refused = 0
    for path in mutants(network().to_bytes(), 150, tmp_path):
        for read in (read_tflite, read_weights, read_model):
            words = fault_of(read, path)
            refused += bool(words)
            assert "\n" not in words
    assert refused > 75  # many mutants only change names or values


def test_names_that_are_not_utf8_are_kept_and_shown_as_their_bytes(tmp_path: Path) -> None:
    data = network().to_bytes().replace(b"net/a", b"n\xe9\xff/a")
    (tmp_path / "latin.tflite").write_bytes(data)
    workload = read_tflite(tmp_path / "latin.tflite")
    names = [layer.name for layer in workload.layers]
    assert any("n\udce9\udcff/a" in name for name in names), names
    assert "n\\xe9\\xff/a" in str(SimulatorError(names[0], "has a fault"))
    workload._repr_html_().encode("utf-8")


@pytest.mark.parametrize("name", ["a.tflite", "a.onnx", "a"])
def test_the_content_tells_the_format(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(network().to_bytes())
    assert [layer.name for layer in read_model(path).conv_layers] == ["a", "b", "c"]
    assert [layer.count for layer in read_weights(path)] == [216, 24, 12]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "no TFL3 mark"),
        (b"\0\0\0\0TFL3", "cut short or damaged"),
        (b"\xff\xff\xff\xffTFL3", "cut short or damaged"),
    ],
)
def test_other_files_are_refused_in_one_line(content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tflite"
    if content is not None:
        path.write_bytes(content)
    for read in (read_model, read_weights):
        with pytest.raises(SimulatorError, match=words):
            read(path)


def overlapping(subgraphs: int, tensors: int, rank: int = 2, *, own: bool = False) -> bytes:
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


def test_tables_that_describe_more_than_the_file_holds_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tflite"
    path.write_bytes(overlapping(2, 3, own=True))
    assert [tensor.shape for tensor in read_tflite_file(path).tensors] == [(1, 1)] * 6
    for data, words in [
        (overlapping(2000, 5), "its parts overlap"),
        (overlapping(5, 2000), "its parts overlap"),
        (overlapping(2000, 2000, own=True), "its parts overlap"),
        (overlapping(1, 1, rank=9), "a tensor of shape"),
    ]:
        path.write_bytes(data)
        with pytest.raises(SimulatorError, match=words):
            read_tflite_file(path)


def shared_buffers(data: bytes) -> bytes:
    """Let the first entry of the list of buffers point to the table of the last one."""
    root = struct.unpack_from("<I", data)[0]
    vtable = root - struct.unpack_from("<i", data, root)[0]
    vector = root + struct.unpack_from("<H", data, vtable + 4 + 2 * 4)[0]
    vector += struct.unpack_from("<I", data, vector)[0]
    changed = bytearray(data)
    first, last = vector + 4, vector + 4 * struct.unpack_from("<I", data, vector)[0]
    struct.pack_into("<I", changed, first, last + struct.unpack_from("<I", data, last)[0] - first)
    return bytes(changed)


def test_buffers_may_be_shared(tmp_path: Path) -> None:
    make = TfliteMaker()
    make.tensor("a", [2, 2], values=weights([2, 2]))
    make.tensor("b", [4], values=weights([2, 2]))
    make.graph.tensors[0].buffer = 0
    path = tmp_path / "a.tflite"
    path.write_bytes(shared_buffers(make.to_bytes()))
    read = [constant_values(tensor) for tensor in read_tflite_file(path).tensors]
    assert [values.tolist() for values in read if values is not None] == [[[1, 2], [3, 4]], [1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("limit", "words"), [("_MAX_TENSOR_SUM", "tensors of more than 1000"), ("_MAX_BYTES", "larger")]
)
def test_sizes_are_bounded_together(limit: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tflite"
    path.write_bytes(network().to_bytes())
    monkeypatch.setattr(f"sqnxt_sim.frontend.tflite_file.{limit}", 1000)
    with pytest.raises(SimulatorError, match=words):
        read_tflite_file(path)


@pytest.mark.parametrize(
    ("order", "blocks", "sizes"),
    [
        ([0, 1], [], [2**14, ([0, 1, 2, 2, 3], [0, 5, 3])]),
        ([0, 1], [], [4, ([0, 1, 2, 2, 3], [0, 6, 3])]),
        ([0, 1], [], [4, ([0, 1, 2, 2, 4], [0, 5, 3])]),
        ([0, 1], [], [4, ([0, 2, 1, 2, 3], [0, 5, 3])]),
        ([0, 1], [], [4, ([0, 1, 2, 3], [0, 5, 3])]),
        ([0, 1], [], [4, ([], [])]),
        ([0, 0], [], [4, ([0, 1, 2, 2, 3], [0, 5, 3])]),
        ([0, 1], [0], [4, ([0, 1, 2, 2, 3], [0, 5, 3])]),
        ([0, 1, 2], [7], [4, ([0, 1, 2, 2, 3], [0, 5, 3]), 1]),
        ([0, 1], [], [-4, ([0, 1, 2, 2, 3], [0, 5, 3])]),
        ([0, 1], [], [2**30, 2**30]),
    ],
)
def test_sparse_tensors_that_contradict_themselves_are_refused(
    order: Any, blocks: Any, sizes: Any, tmp_path: Path
) -> None:
    make = network()
    make.sparsity("sparse", order, blocks, sizes)
    path = tmp_path / "a.tflite"
    path.write_bytes(make.to_bytes())
    with pytest.raises(SimulatorError, match=r"damaged \((a sparse|a dimension|segments|\d+ indices)"):
        read_weights(path)
