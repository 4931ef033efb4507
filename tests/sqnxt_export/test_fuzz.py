"""Thousands of damaged and hostile files: each is read or refused in one line, in bounded memory and time.

Native code runs in a process of its own with limited memory and an alarm, so that a crash, a hang or an unbounded
allocation is a failed case and not the end of the tests.
"""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnxt_export import layer_zeros, nonzero_fraction, quantise_onnx, read_metadata, to_onnx, to_tflite
from sqnxt_export.artifact.keras_file import read_config

Mutate = Callable[[bytes, random.Random], bytes]
_MEMORY_BYTES = {
    "onnx": 3 << 30,
    "tflite": 3 << 30,
    "keras": 8 << 30,
}  # importing TensorFlow takes most of the last one
_SECONDS_A_CASE = 20
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, 1 << 63)
_ODD = (None, True, -1, 0, 1, 1 << 20, 1 << 40, 1e308, "", "evil", "../x", [], {}, [[]], {"class_name": "Evil"})

_CHILD = """
import resource, signal, sys
memory, seconds = int(sys.argv[1]), int(sys.argv[2])
import numpy
from sqnxt_export import ExportError, nonzero_fraction, open_model, read_metadata
from sqnxt_export._libraries import require
if sys.argv[3] == "keras":
    require("tf_keras", "to load it")
def run(path):
    runner = open_model(path, threads=1)
    runner.run(runner.noise(1))
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
for path in sys.stdin.read().split():
    print(path, flush=True)
    for read in (read_metadata, nonzero_fraction, run):
        signal.alarm(seconds)
        try:
            read(path)
        except ExportError as error:
            assert "\\n" not in str(error), error
        signal.alarm(0)
print("done")
"""


def _bytes_changed(data: bytes, source: random.Random) -> bytes:
    """Flip bits, set bytes to extremes or cut the file short, at its head more often than in its weights."""
    mutant = bytearray(data[: source.randrange(len(data))] if source.random() < 0.2 else data)
    for _ in range(source.choice((1, 2, 8, 32))):
        if mutant:
            position = source.randrange(len(mutant) if source.random() < 0.5 else min(len(mutant), 3000))
            mutant[position] = source.choice((0, 1, 127, 128, 255, mutant[position] ^ 1 << source.randrange(8)))
    return bytes(mutant)


def _spliced(data: bytes, source: random.Random) -> bytes:
    """Remove, repeat or move a piece of the file."""
    start, end = sorted(source.randrange(len(data)) for _ in range(2))
    end = min(end, start + source.choice((1, 4, 64, 4096)))
    kept, at = data[:start] + data[end:], source.randrange(len(data))
    return source.choice((kept, data[:at] + data[start:end] + data[at:], kept[:at] + data[start:end] + kept[at:]))


def _sizes_declared(data: bytes, source: random.Random) -> bytes:
    """Write integers of 2, 4 or 8 bytes far larger than the file where counts and offsets may be."""
    mutant = bytearray(data)
    for _ in range(source.choice((1, 2, 4))):
        code = source.choice(("<H", "<I", "<Q"))
        size = struct.calcsize(code)
        position = source.randrange(max((len(data) if source.random() < 0.5 else min(len(data), 3000)) - size, 1)) & ~1
        struct.pack_into(code, mutant, position, source.choice(_EXTREMES) % (1 << 8 * size))
    return bytes(mutant)


def _onnx_graph(data: bytes, source: random.Random) -> bytes:
    """Make a well-formed ONNX file with other shapes, attributes, connections, types or versions."""
    model = onnx.ModelProto.FromString(data)
    for _ in range(source.choice((1, 1, 2, 4))):
        source.choice((_other_constant, _other_node, _other_wire, _other_model))(model, source)
    return model.SerializeToString()


def _number(source: random.Random) -> int:
    return source.choice((0, -1, 1, 3, 1000, 70_000, 1 << 31, 1 << 40, (1 << 63) - 1))


def _other_constant(model: onnx.ModelProto, source: random.Random) -> None:
    tensor = source.choice(model.graph.initializer)
    match source.randrange(3):
        case 0 if tensor.dims:
            tensor.dims[source.randrange(len(tensor.dims))] = _number(source)
        case 1:
            tensor.data_type = source.randrange(24)
        case _:
            tensor.raw_data = tensor.raw_data[: source.randrange(len(tensor.raw_data) + 1)]


def _other_node(model: onnx.ModelProto, source: random.Random) -> None:
    node = source.choice(model.graph.node)
    if node.attribute and source.random() < 0.7:
        attribute = source.choice(node.attribute)
        attribute.i = _number(source)
        if attribute.ints:
            attribute.ints[source.randrange(len(attribute.ints))] = _number(source)
    else:
        node.op_type = source.choice(("Conv", "Expand", "Tile", "Resize", "Loop", "If", "Gather", "Evil", "Reshape"))


def _other_wire(model: onnx.ModelProto, source: random.Random) -> None:
    names = [name for other in model.graph.node for name in (*other.input, *other.output)]
    node = source.choice(model.graph.node)
    ends = node.input if node.input and source.random() < 0.7 else node.output
    ends[source.randrange(len(ends))] = source.choice(names)


def _other_model(model: onnx.ModelProto, source: random.Random) -> None:
    if source.random() < 0.6:
        model.graph.input[0].type.tensor_type.shape.dim[source.randrange(4)].dim_value = _number(source)
    else:
        model.opset_import[0].version = source.choice((0, 1, 7, 13, 22, 1000, -1))


def _onnx_blown_up(data: bytes, source: random.Random) -> bytes:
    """Insert operators that make large tensors of small ones in front of the output."""
    model = onnx.ModelProto.FromString(data)
    graph = model.graph
    sizes = np.array([source.choice((1, 7, 3000, 100_000, 1 << 33)) for _ in range(4)], np.int64)
    graph.initializer.append(onnx.numpy_helper.from_array(sizes, "sizes"))
    graph.initializer.append(onnx.numpy_helper.from_array(sizes.astype(np.float32), "scales"))
    graph.initializer.append(onnx.numpy_helper.from_array(np.concatenate([sizes, sizes]), "pads"))
    make = onnx.helper.make_node
    graph.node.append(
        source.choice(
            (
                make("Tile", ["input", "sizes"], ["blown"]),
                make("Expand", ["input", "sizes"], ["blown"]),
                make("ConstantOfShape", ["sizes"], ["blown"]),
                make("Resize", ["input", "", "scales"], ["blown"], mode="nearest"),
                make("Pad", ["input", "pads"], ["blown"]),
            )
        )
    )
    graph.node.append(make("ReduceSum", ["blown"], ["sum"]))
    graph.node.append(make("Add", [graph.output[0].name, "sum"], ["answer"]))
    graph.output[0].name = "answer"
    del graph.value_info[:]
    return model.SerializeToString()


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _config_changed(data: bytes, source: random.Random) -> bytes:
    """Make a good archive with an odd config."""
    members = _members(data)
    config = json.loads(members["config.json"])
    for _ in range(source.choice((1, 1, 2, 5))):
        holder, key = source.choice([*_places(config)] or [({}, "")])
        holder[key] = json.loads(json.dumps(source.choice((*_ODD, holder))))
    members["config.json"] = json.dumps(config).encode()
    return _zipped(members)


def _places(value: Any) -> Any:
    """Yield every container and key in a JSON value whose value can be replaced."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield value, key
        yield from _places(item)


def _member_changed(data: bytes, source: random.Random) -> bytes:
    """Make a good archive in which one member is damaged, most often the weights."""
    members = _members(data)
    name = source.choice(("model.weights.h5", "model.weights.h5", *members))
    members[name] = source.choice((_bytes_changed, _spliced, _sizes_declared))(members[name], source)
    return _zipped(members)


def _directory_lies(data: bytes, source: random.Random) -> bytes:
    """Make an archive whose directory states wrong sizes, offsets, methods or counts."""
    mutant = bytearray(data)
    mark, span = source.choice(((b"PK\x01\x02", 46), (b"PK\x03\x04", 30), (b"PK\x05\x06", 22)))
    starts = [at for at in range(len(data)) if data.startswith(mark, at)]
    if starts:
        start = source.choice(starts)
        for _ in range(source.choice((1, 2, 6))):
            mutant[start + source.randrange(4, span)] = source.choice((0, 1, 255, source.randrange(256)))
    return bytes(mutant)


_ANY: tuple[Mutate, ...] = (_bytes_changed, _spliced, _sizes_declared)
_MUTATIONS: dict[str, tuple[Mutate, ...]] = {
    "onnx": (*_ANY, _onnx_graph, _onnx_graph, _onnx_graph, _onnx_blown_up),
    "tflite": (*_ANY, _bytes_changed, _sizes_declared),
    "keras": (*_ANY, _config_changed, _config_changed, _member_changed, _member_changed, _directory_lies),
}


def _mutant(kind: str, data: bytes, seed: int) -> bytes:
    source = random.Random(f"{kind} {seed}")
    return source.choice(_MUTATIONS[kind])(data, source)


def _keras3_file() -> bytes:
    """Write a small file as Keras 3 does."""
    image = {"class_name": "InputLayer", "module": "keras.layers", "inbound_nodes": []}
    layers: list[dict[str, Any]] = [{**image, "config": {"name": "image", "batch_shape": [None, 9, 9, 3]}}]
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for name, kind, options in (
            ("conv", "Conv2D", {"filters": 4, "kernel_size": [3, 3], "activation": "relu6"}),
            ("average", "GlobalAveragePooling2D", {}),
            ("dense", "Dense", {"units": 5, "activation": "softmax"}),
        ):
            history = [layers[-1]["config"]["name"], 0, 0]
            before = {"class_name": "__keras_tensor__", "config": {"keras_history": history}}
            nodes = [{"args": [before], "kwargs": {}}]
            config = {"name": name, "dtype": "float32", **options}
            layers.append({"class_name": kind, "module": "keras.layers", "config": config, "inbound_nodes": nodes})
        for path, shape in (
            ("conv2d/vars/0", (3, 3, 3, 4)), ("conv2d/vars/1", (4,)), ("dense/vars/0", (4, 5)), ("dense/vars/1", (5,)),
        ):  # fmt: skip
            file[f"layers/{path}"] = np.full(shape, 0.1, "f4")
    ends = {"input_layers": ["image", 0, 0], "output_layers": ["dense", 0, 0]}
    model: dict[str, Any] = {"class_name": "Functional", "module": "keras.src.models.functional"}
    model["config"] = {"name": "net", "layers": layers, **ends}
    return _zipped(
        {
            "metadata.json": b'{"keras_version": "3.10.0"}',
            "config.json": json.dumps(model).encode(),
            "model.weights.h5": weights.getvalue(),
        }
    )


@pytest.fixture(scope="module")
def good(
    models: Any, images: Any, files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """Write one good file of each sort; its name is the kind, a dash and a description."""
    model = models["squeezenext_like"]
    found = {f"{kind}-float32": path.read_bytes() for kind, path in files.items()}
    found["onnx-int8"] = quantise_onnx(to_onnx(model), "int8", images).SerializeToString()
    found["tflite-int8"] = to_tflite(model, "int8", images)
    found["keras-keras3"] = _keras3_file()
    return found


def _run(kind: str, paths: list[Path]) -> None:
    """Read and run files in a process of its own.

    Raises:
        AssertionError: The process did not end by itself; the message names the file.
    """
    arguments = [sys.executable, "-c", _CHILD, str(_MEMORY_BYTES[kind]), str(_SECONDS_A_CASE), kind]
    given = "\n".join(map(str, paths))
    done = subprocess.run(arguments, input=given, text=True, capture_output=True, timeout=900, check=False)
    last = done.stdout.split()[-1:] or ["the start"]
    assert done.returncode == 0, f"{last[0]} ended it with {done.returncode}: {done.stderr[-2000:]}"
    assert last == ["done"]
    assert done.stderr == ""


def _fuzz(good: dict[str, bytes], sort: str, seeds: range, folder: Path) -> None:
    kind = sort.partition("-")[0]
    paths = []
    for seed in seeds:
        paths.append(folder / f"{sort}-{seed}.{kind}")
        paths[-1].write_bytes(_mutant(kind, good[sort], seed))
    _run(kind, paths)


@pytest.mark.parametrize("sort", ["onnx-float32", "onnx-int8", "tflite-float32", "tflite-int8", "keras-float32"])
def test_good_files_pass(good: dict[str, bytes], sort: str, tmp_path: Path) -> None:
    """If good files did not pass, the limits would hide what the mutants do."""
    kind = sort.partition("-")[0]
    path = tmp_path / f"a.{kind}"
    path.write_bytes(good[sort])
    _run(kind, [path])
    assert nonzero_fraction(path) > 0


@pytest.mark.parametrize(
    ("sort", "count"),
    [("onnx-float32", 500), ("onnx-int8", 300), ("tflite-float32", 500), ("tflite-int8", 300)],
)
def test_mutants_never_end_the_process(good: dict[str, bytes], sort: str, count: int, tmp_path: Path) -> None:
    _fuzz(good, sort, range(count), tmp_path)


@pytest.mark.parametrize(("sort", "count"), [("keras-float32", 60), ("keras-keras3", 8)])
def test_mutants_of_models_never_end_the_process(good: dict[str, bytes], sort: str, count: int, tmp_path: Path) -> None:
    _fuzz(good, sort, range(count), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sort", "count"),
    [
        ("onnx-float32", 3000), ("onnx-int8", 2000), ("tflite-float32", 3000), ("tflite-int8", 2000),
        ("keras-float32", 600), ("keras-keras3", 120),  # many of the latter start a process with Keras 3
    ],
)  # fmt: skip
def test_many_more_mutants(good: dict[str, bytes], sort: str, count: int, tmp_path: Path) -> None:
    _fuzz(good, sort, range(10_000, 10_000 + count), tmp_path)


@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize("sort", ["onnx-float32", "tflite-int8", "keras-float32", "keras-keras3"])
@given(seed=st.integers(0, 1 << 32))
def test_readers_tell_any_damage_in_one_line(
    good: dict[str, bytes], fault: Any, tmp_path_factory: pytest.TempPathFactory, sort: str, seed: int
) -> None:
    kind = sort.partition("-")[0]
    path = tmp_path_factory.getbasetemp() / f"damaged.{kind}"
    path.write_bytes(_mutant(kind, good[sort], seed))
    readers: list[Callable[[Path], Any]] = [read_metadata, nonzero_fraction]
    readers += [read_config] if kind == "keras" else [layer_zeros]
    for read in readers:
        assert "\n" not in (fault(read, path) or "")
