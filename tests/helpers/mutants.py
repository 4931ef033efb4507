"""Damaged and hostile model files from seeds: bytes at random, and well-formed files that say something else."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

Mutate = Callable[[bytes, random.Random], bytes]
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, 1 << 63)
_ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1, 1 << 20, 1 << 40, 1e308, "", "evil", "../x", [], {}, [[]], {"class_name": "Evil"},
)  # fmt: skip


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
    return bytes(model.SerializeToString())


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
    return bytes(model.SerializeToString())


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: dict[str, bytes]) -> bytes:
    """Return an archive of these members."""
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
    return zipped(members)


def _places(value: Any) -> Any:
    """Yield every container and key in a JSON value whose value can be replaced."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield value, key
        yield from _places(item)


def _member_changed(data: bytes, source: random.Random) -> bytes:
    """Make a good archive in which one member is damaged, most often the weights of a model."""
    members = _members(data)
    weights = ("model.weights.h5",) if "model.weights.h5" in members else ()
    name = source.choice((*weights, *weights, *members))
    members[name] = source.choice((_bytes_changed, _spliced, _sizes_declared))(members[name], source)
    return zipped(members)


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
    "npz": (*_ANY, _member_changed, _member_changed, _directory_lies),
    "keras": (*_ANY, _config_changed, _config_changed, _member_changed, _member_changed, _directory_lies),
}


def mutated(kind: str, data: bytes, seed: int) -> bytes:
    """Return a sound file of a kind ("onnx", "tflite", "keras", "npz", or any other) as a seed changes it."""
    source = random.Random(f"{kind} {seed}")
    return source.choice(_MUTATIONS.get(kind, _ANY))(data, source)
